"""When many hosts that fall silent together mean that it is the checker that sees nothing."""

from datetime import timedelta

import pytest

from ntp_checker.blindness import Blindness, Sight, has_answered, judge_sight
from ntp_checker.model import FailureKind, Part, ProblemCode, Sample, Severity
from tests.made_samples import NOW, SAMPLE, with_failure

INTERVAL_S = 30.0


class Fleet:
    """Hosts that are looked at one after the other within each interval."""

    def __init__(self, hosts: int) -> None:
        self.blindness = Blindness("checker-1", interval_s=INTERVAL_S)
        self.hosts = hosts
        self.round = 0
        self.became_blind_at_look: int | None = None
        self.steady = 0  #: how often sight became steady

    def look(self, silent: int, rounds: int = 1) -> "Fleet":
        """Rounds in which the first `silent` hosts do not answer."""
        for _ in range(rounds):
            for number in range(self.hosts):
                at = NOW + timedelta(seconds=INTERVAL_S * (self.round + number / self.hosts))
                became = self.blindness.note(f"h{number}", at, is_answered=number >= silent)
                self.steady += became
                if self.is_blind and self.became_blind_at_look is None:
                    self.became_blind_at_look = self.round * self.hosts + number
            self.round += 1
        return self

    @property
    def sight(self) -> Sight:
        return self.blindness.sight

    @property
    def is_blind(self) -> bool:
        return self.sight.since_at is not None


@pytest.mark.parametrize(
    ("hosts", "silent", "is_blind"),
    [
        (4, 4, False),
        (5, 5, True),
        (5, 4, False),
        (10, 9, True),
        (10, 8, False),
        (100, 89, False),
        (100, 90, True),
        (100, 40, False),
        (500, 475, True),
    ],
)
def test_checker_when_so_many_of_so_many_fall_silent_then_blind_or_not(
    hosts: int, silent: int, *, is_blind: bool
) -> None:
    assert Fleet(hosts).look(0).look(silent).is_blind == is_blind


@pytest.mark.parametrize("hosts", [5, 37, 500, 10_000])
def test_checker_when_all_fall_silent_then_blind_within_an_interval(hosts: int) -> None:
    fleet = Fleet(hosts).look(0).look(hosts)

    assert fleet.became_blind_at_look is not None
    assert fleet.became_blind_at_look < 2 * hosts


def test_checker_when_blind_then_since_the_first_host_fell_silent() -> None:
    sight = Fleet(10).look(0, rounds=3).look(10).sight

    assert sight.since_at == NOW + timedelta(seconds=3 * INTERVAL_S)
    assert sight.held_until_at == sight.since_at + timedelta(minutes=15)


def test_hosts_when_they_fall_silent_one_by_one_then_not_blind() -> None:
    fleet = Fleet(10).look(0)
    for silent in range(1, 11):
        fleet.look(silent)

        assert not fleet.is_blind


def test_hosts_when_they_never_answered_then_not_blind() -> None:
    assert not Fleet(10).look(10, rounds=5).is_blind


def test_hosts_when_silent_for_long_then_they_count_no_more() -> None:
    fleet = Fleet(20).look(0).look(10, rounds=12)  # ten were lost long ago

    assert fleet.sight.hosts == 10
    assert fleet.look(20).is_blind


def test_checker_when_blind_for_hours_then_it_stays_so() -> None:
    assert Fleet(10).look(0).look(10, rounds=500).is_blind


def test_sight_when_it_returns_then_steady_after_three_looks_and_said_once() -> None:
    fleet = Fleet(10).look(0, rounds=5).look(10, rounds=4)
    before = fleet.steady

    fleet.look(0)
    returned = fleet.sight
    fleet.look(0, rounds=10)

    assert returned.since_at is not None
    assert returned.returned_at is not None
    assert not fleet.is_blind
    assert fleet.steady - before == 1


def test_sight_when_lost_again_before_it_is_steady_then_still_blind_since_the_first_time() -> None:
    fleet = Fleet(10).look(0).look(10, rounds=4)
    since_at = fleet.sight.since_at

    fleet.look(0).look(10)

    assert fleet.sight.since_at == since_at
    assert fleet.sight.returned_at is None


def test_sight_when_a_part_of_the_hosts_stays_away_then_it_has_returned_all_the_same() -> None:
    fleet = Fleet(10).look(0).look(10, rounds=4).look(4, rounds=5)

    assert not fleet.is_blind


def test_run_when_it_begins_then_steady_once_it_saw_hosts_for_three_looks() -> None:
    assert Fleet(10).look(0, rounds=3).steady == 0
    assert Fleet(10).look(0, rounds=10).steady == 1
    assert Fleet(10).look(10, rounds=10).steady == 0


def test_host_when_it_is_no_longer_watched_then_nobody_waits_for_it() -> None:
    fleet = Fleet(10).look(0)
    for number in range(3, 10):
        fleet.blindness.forget(f"h{number}")

    assert fleet.sight.hosts == 3


@pytest.mark.parametrize(
    ("hosts", "silent", "is_gone"),
    [(1, 1, False), (2, 2, True), (4, 4, True), (4, 3, False), (5, 5, False)],
)
def test_small_fleet_when_all_of_it_falls_silent_then_it_is_gone_together(
    hosts: int, silent: int, *, is_gone: bool
) -> None:
    fleet = Fleet(hosts).look(0).look(silent, rounds=3)

    assert fleet.sight.is_small_fleet_gone == is_gone


def test_small_fleet_when_lost_one_after_the_other_then_not_together() -> None:
    fleet = Fleet(2).look(0).look(1, rounds=3).look(2)

    assert not fleet.sight.is_small_fleet_gone


@pytest.mark.parametrize(
    ("sample", "is_answered"),
    [
        (SAMPLE, True),
        (with_failure(Part.SOURCES, FailureKind.MALFORMED), True),
        (with_failure(Part.TRACKING, FailureKind.DEADLINE), True),
        (with_failure(Part.LOGIN, FailureKind.UNREACHABLE), False),
        (with_failure(Part.LOGIN, FailureKind.AUTH), False),
        (with_failure(Part.LOGIN, FailureKind.HOST_KEY), True),
    ],
)
def test_look_when_anything_of_the_host_was_seen_then_it_has_answered(
    sample: Sample, *, is_answered: bool
) -> None:
    assert has_answered(sample) == is_answered


def test_judgement_when_blind_then_critical_and_says_how_many_and_until_when() -> None:
    judgement = judge_sight(Fleet(20).look(0).look(19, rounds=2).sight)

    assert (judgement.code, judgement.subject) == (ProblemCode.CHECKER_BLIND, "checker-1")
    assert judgement.severity is Severity.CRITICAL
    assert "19 of 20 hosts" in judgement.text
    assert "05:06:37 UTC" in judgement.text
    assert "05:21:37 UTC" in judgement.text


@pytest.mark.parametrize("rounds", [1, 10])
def test_judgement_when_sight_has_returned_then_good_even_before_it_is_steady(rounds: int) -> None:
    fleet = Fleet(20).look(0).look(20, rounds=4).look(0, rounds=rounds)

    assert judge_sight(fleet.sight).severity is None
