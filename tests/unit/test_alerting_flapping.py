"""What opens and closes all the time is told once, and again when it has come to rest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ntp_checker.alerting import Advance, close_all
from ntp_checker.model import AlertPolicy, AlertState, FailureKind, Part, Severity, TransitionKind
from tests.made_alerts import (
    CRITICAL_S,
    GOOD_S,
    INTERVAL,
    OFFSET,
    WARNING_S,
    WatchedHost,
    offset,
)
from tests.made_samples import with_failure

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED
FLAPPING = TransitionKind.FLAPPING
EACH_LOOK = AlertPolicy(bad_looks=1, good_looks=1)
A_SECOND = timedelta(seconds=1)
A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
FIVE = [OPENED, RESOLVED, OPENED, RESOLVED, OPENED]


def flapping(*then_s: float, size_s: float = WARNING_S) -> WatchedHost:
    """A host whose alert has just closed for the third time, and then these looks."""
    return WatchedHost(EACH_LOOK).offsets(*[size_s, GOOD_S] * 3, *then_s)


@pytest.mark.parametrize(("changes", "told"), [(5, FIVE), (6, [*FIVE, FLAPPING])])
def test_alert_when_changed_six_times_then_one_notice_instead(
    changes: int, told: list[TransitionKind]
) -> None:
    sizes_s = [WARNING_S, GOOD_S] * 3

    assert WatchedHost(EACH_LOOK).offsets(*sizes_s[:changes]).told == told


def test_alert_when_it_flaps_then_nothing_more_is_told() -> None:
    assert flapping(*[WARNING_S, GOOD_S] * 20).told == [*FIVE, FLAPPING]


def test_alert_when_it_flaps_then_all_is_on_record() -> None:
    host = flapping(*[WARNING_S, GOOD_S] * 2)
    quiet = [transition.kind for transition in host.transitions if transition.is_quiet]

    assert quiet == [OPENED, RESOLVED] * 2


def test_notice_when_told_then_says_how_it_is_now() -> None:
    assert flapping().transitions[-1].reason == (
        "the alert opened or closed 6 times within a day; quiet until it has been steady for "
        "60 min; now closed: good again: clock is 1 ms ahead, limit 10 ms"
    )


@pytest.mark.parametrize(
    ("since_first", "told"),
    [(A_DAY - A_SECOND, FLAPPING), (A_DAY, RESOLVED), (A_DAY + A_SECOND, RESOLVED)],
)
def test_sixth_change_when_a_day_after_the_first_then_no_flapping(
    since_first: timedelta, told: TransitionKind
) -> None:
    host = WatchedHost(EACH_LOOK).offsets(*[WARNING_S, GOOD_S] * 2, WARNING_S)
    host.look(offset(GOOD_S), after=since_first - 4 * INTERVAL)

    assert host.told == [*FIVE, told]


def test_alert_when_flapping_begins_with_an_opening_then_reminder_counts_from_it() -> None:
    host = WatchedHost(replace(EACH_LOOK, flapping_changes=5))
    host.offsets(*[WARNING_S, GOOD_S] * 2, WARNING_S)

    assert host.told == [*FIVE[:4], FLAPPING]
    assert host.alert.reminded_at == host.at


def steady(host: WatchedHost, size_s: float, after: timedelta) -> WatchedHost:
    """Looks that change nothing until `after` the last change."""
    for _ in range(int(after / INTERVAL) - 1):
        host.look(offset(size_s))
    host.look(offset(size_s), after=after - (int(after / INTERVAL) - 1) * INTERVAL)
    return host


@pytest.mark.parametrize(
    ("after", "rests"), [(AN_HOUR - A_SECOND, False), (AN_HOUR, True), (AN_HOUR + A_SECOND, True)]
)
def test_closed_alert_when_steady_for_an_hour_then_told_once(after: timedelta, rests: bool) -> None:
    host = steady(flapping(), GOOD_S, after)

    assert (host.told == [*FIVE, FLAPPING, RESOLVED]) is rests


@pytest.mark.parametrize("after", [AN_HOUR, AN_HOUR + A_SECOND])
def test_open_alert_when_steady_for_an_hour_then_told_once(after: timedelta) -> None:
    host = steady(flapping(WARNING_S), WARNING_S, after).offsets(*[WARNING_S] * 20)

    assert host.told == [*FIVE, FLAPPING, OPENED]


def test_open_alert_when_steady_for_less_than_an_hour_then_nothing_is_told() -> None:
    host = steady(flapping(WARNING_S), WARNING_S, AN_HOUR - A_SECOND)

    assert host.told == [*FIVE, FLAPPING]


@pytest.mark.parametrize(
    ("size_s", "reason"),
    [
        (
            WARNING_S,
            "the alert has stopped flapping; still open: clock is 20 ms ahead, limit 10 ms",
        ),
        (GOOD_S, "the alert has stopped flapping; still good: clock is 1 ms ahead, limit 10 ms"),
    ],
)
def test_rest_when_told_then_says_in_which_state(size_s: float, reason: str) -> None:
    host = steady(flapping(size_s), size_s, AN_HOUR)

    assert host.transitions[-1].reason == reason


def test_rest_when_told_then_closed_alert_goes_on_counting_its_transitions() -> None:
    host = steady(flapping(), GOOD_S, AN_HOUR)

    assert [transition.ordinal for transition in host.transitions[-2:]] == [2, 3]


def test_rest_when_told_then_alert_stays_closed() -> None:
    assert steady(flapping(), GOOD_S, AN_HOUR).recent[OFFSET].state is AlertState.CLOSED


def test_rest_when_there_is_no_data_then_told_all_the_same() -> None:
    host = flapping()
    host.look(sample=with_failure(Part.LOGIN, FailureKind.UNREACHABLE), after=AN_HOUR)

    assert host.transitions[-1].reason == "the alert has stopped flapping; still closed"


def test_rest_when_nobody_looks_then_not_told() -> None:
    host = flapping()
    host.miss(after=AN_HOUR)

    assert host.told == [*FIVE, FLAPPING]


def test_closed_alert_when_the_next_one_is_pending_then_rest_waits() -> None:
    host = flapping()
    host.policy = AlertPolicy()
    host.look(offset(WARNING_S), after=AN_HOUR)

    assert host.told == [*FIVE, FLAPPING]


def test_closed_alert_when_the_next_one_ended_pending_then_rest_is_told_in_that_slot() -> None:
    host = flapping()
    host.policy = AlertPolicy()
    host.look(offset(WARNING_S), after=AN_HOUR)
    host.offsets(GOOD_S)

    assert host.told == [*FIVE, FLAPPING, RESOLVED]


@pytest.mark.parametrize(
    ("after", "rests"), [(A_DAY - A_SECOND, True), (A_DAY, False), (A_DAY + A_SECOND, False)]
)
def test_closed_alert_when_a_day_old_then_makes_no_difference(
    after: timedelta, rests: bool
) -> None:
    host = flapping()
    host.look(offset(GOOD_S), after=after)

    assert (host.told == [*FIVE, FLAPPING, RESOLVED]) is rests


def test_change_when_an_hour_after_the_last_then_told_as_it_is() -> None:
    host = flapping()
    host.look(offset(WARNING_S), after=AN_HOUR)

    assert host.told == [*FIVE, FLAPPING, OPENED]


def test_change_when_after_the_rest_then_told_as_it_is() -> None:
    host = steady(flapping(), GOOD_S, AN_HOUR).offsets(WARNING_S, GOOD_S)

    assert host.told == [*FIVE, FLAPPING, RESOLVED, OPENED, RESOLVED]


def test_alert_when_it_flaps_again_after_the_rest_then_another_notice() -> None:
    host = steady(flapping(), GOOD_S, AN_HOUR).offsets(*[WARNING_S, GOOD_S] * 3)

    assert host.told == [*FIVE, FLAPPING, RESOLVED, *FIVE, FLAPPING]


def test_flapping_alert_when_it_worsens_then_told() -> None:
    host = flapping(WARNING_S, CRITICAL_S)

    assert host.told == [*FIVE, FLAPPING, TransitionKind.WORSENED]


def test_flapping_alert_when_it_opens_critical_after_a_warning_then_told() -> None:
    opening = flapping(CRITICAL_S).transitions[-1]

    assert (opening.kind, opening.severity, opening.is_quiet) == (OPENED, Severity.CRITICAL, False)


def test_flapping_alert_when_it_was_critical_before_then_quiet() -> None:
    assert flapping(CRITICAL_S, size_s=CRITICAL_S).told == [*FIVE, FLAPPING]


def test_flapping_alert_when_it_eases_then_quiet() -> None:
    easing = flapping(CRITICAL_S, WARNING_S).transitions[-1]

    assert (easing.kind, easing.is_quiet) == (TransitionKind.EASED, True)


def test_flapping_alert_when_it_is_time_then_not_reminded() -> None:
    host = flapping(WARNING_S)
    host.miss(after=timedelta(hours=5))

    assert host.told == [*FIVE, FLAPPING]


def test_open_alert_when_at_rest_then_reminder_counts_from_that() -> None:
    host = steady(flapping(WARNING_S), WARNING_S, AN_HOUR)

    assert host.alert.reminded_at == host.at


def test_flapping_alert_when_its_host_leaves_then_told() -> None:
    host = flapping(WARNING_S)
    made = close_all(host.live, host.at, "ntp1 is no longer watched")

    assert [(t.kind, t.is_quiet) for t in made.transitions] == [(RESOLVED, False)]


def test_flapping_alert_when_it_goes_on_for_hours_then_remembers_few_changes() -> None:
    host = flapping(*[WARNING_S, GOOD_S] * 200)

    assert len(host.recent[OFFSET].changed_at) == EACH_LOOK.flapping_changes


def test_pending_that_ends_when_between_changes_then_not_counted() -> None:
    host = WatchedHost(AlertPolicy(bad_looks=2, good_looks=1))
    host.offsets(*[WARNING_S, GOOD_S] * 10, WARNING_S, WARNING_S)

    assert host.told == [OPENED]


def test_slot_when_given_again_at_rest_then_changes_nothing() -> None:
    host = steady(flapping(), GOOD_S, AN_HOUR)

    assert host.look(offset(GOOD_S), after=timedelta()) == Advance()
