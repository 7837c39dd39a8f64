"""What the checker makes of its own state."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from ntp_checker.model import OWN_CODES, Judgement, ProblemCode, Severity
from ntp_checker.rules.own import ChannelState, OwnLimits, OwnState, dead_channels, judge_own

LIMITS = OwnLimits()
TODAY = date(2026, 1, 2)
WELL = OwnState(
    replica="checker-1",
    spool_depth=0,
    spool_age_s=None,
    database_error=None,
    channels=(ChannelState(channel="mail", refused_for_s=None),),
    waiting_s={},
    today=TODAY,
    partition_days=frozenset(TODAY + timedelta(days=number) for number in range(15)),
    database_offset_s=0.0,
    host_offsets_s={"ntp1": 0.0, "ntp2": 0.01, "ntp3": -0.01},
)


def found(code: ProblemCode, **changed: Any) -> Judgement | None:
    return next(
        (one for one in judge_own(replace(WELL, **changed), LIMITS) if one.code is code), None
    )


def is_bad(code: ProblemCode, **changed: Any) -> bool:
    judgement = found(code, **changed)
    assert judgement is not None
    assert judgement.severity in (None, Severity.CRITICAL)
    return judgement.severity is not None


def refused(for_s: float, *, is_given_up: bool = False) -> dict[str, Any]:
    state = ChannelState(
        channel="hook", refused_for_s=for_s, is_given_up=is_given_up, reason="port closed"
    )
    return {"channels": (state,), "waiting_s": {"hook": for_s}}


def test_own_state_when_all_is_well_then_every_rule_of_ours_is_good() -> None:
    judgements = judge_own(WELL, LIMITS)

    assert {one.code for one in judgements} == OWN_CODES - {ProblemCode.CHECKER_BLIND}
    assert [one.severity for one in judgements] == [None] * 5


def test_own_state_when_judged_then_replica_or_channel_is_the_subject() -> None:
    subjects = {one.code: one.subject for one in judge_own(WELL, LIMITS)}

    assert subjects.pop(ProblemCode.CHANNEL_DEAD) == "mail"
    assert set(subjects.values()) == {"checker-1"}


@pytest.mark.parametrize(("age_s", "bad"), [(None, False), (59.9, False), (60, False), (61, True)])
def test_spool_when_its_oldest_waits_beyond_a_minute_then_bad(
    age_s: float | None, bad: bool
) -> None:
    assert is_bad(ProblemCode.SPOOL_BACKLOG, spool_age_s=age_s) is bad


def test_spool_when_the_database_does_not_answer_then_the_text_says_it_is_away() -> None:
    judgement = found(
        ProblemCode.SPOOL_BACKLOG,
        spool_depth=12,
        spool_age_s=75.0,
        database_error="connection refused",
    )

    assert judgement
    assert judgement.text == (
        "the database is away: the oldest of 12 samples has waited 75 s in the spool, "
        "limit 60 s (connection refused)"
    )


@pytest.mark.parametrize(("age_s", "bad"), [(299, False), (300, False), (301, True)])
def test_outbox_when_its_oldest_is_due_for_five_minutes_then_bad(age_s: float, bad: bool) -> None:
    assert is_bad(ProblemCode.OUTBOX_BACKLOG, waiting_s={"mail": age_s, "pager": 1.0}) is bad


def test_outbox_when_a_refusing_channel_is_what_waits_then_that_is_the_channels_story() -> None:
    assert not is_bad(ProblemCode.OUTBOX_BACKLOG, **refused(400.0))


@pytest.mark.parametrize("code", [ProblemCode.OUTBOX_BACKLOG, ProblemCode.PARTITIONS_MISSING])
def test_rule_on_the_database_when_it_is_away_then_nothing_is_judged(code: ProblemCode) -> None:
    assert found(code, waiting_s=None, today=None) is None


@pytest.mark.parametrize("for_s", [0.0, 300.0])
def test_channel_when_refusing_for_less_than_five_minutes_then_neither_good_nor_bad(
    for_s: float,
) -> None:
    assert found(ProblemCode.CHANNEL_DEAD, **refused(for_s)) is None


def test_channel_when_refusing_for_five_minutes_with_something_to_send_then_dead() -> None:
    judgement = found(ProblemCode.CHANNEL_DEAD, **refused(301.0))

    assert judgement
    assert (judgement.severity, judgement.subject) == (Severity.CRITICAL, "hook")
    assert judgement.text == "channel hook has taken nothing for 5 min, limit 5 min: port closed"


def test_channel_when_refusing_but_nothing_waits_then_nothing_is_judged() -> None:
    assert found(ProblemCode.CHANNEL_DEAD, **refused(301.0) | {"waiting_s": {}}) is None


def test_channel_when_its_last_message_was_given_up_then_dead_at_once() -> None:
    assert is_bad(ProblemCode.CHANNEL_DEAD, **refused(0.0, is_given_up=True) | {"waiting_s": None})


def test_dead_channels_when_one_of_two_is_then_only_that_one() -> None:
    channels = (*refused(0.0, is_given_up=True)["channels"], *WELL.channels)

    assert dead_channels(judge_own(replace(WELL, channels=channels), LIMITS)) == {"hook"}


@pytest.mark.parametrize(
    ("ahead", "premake_days", "bad"),
    [(14, 14, False), (2, 14, False), (1, 14, True), (-1, 14, True), (0, 1, False), (-1, 0, True)],
)
def test_partitions_when_fewer_than_two_days_are_ahead_then_bad(
    ahead: int, premake_days: int, bad: bool
) -> None:
    days = frozenset(TODAY + timedelta(days=number) for number in range(ahead + 1))

    code = ProblemCode.PARTITIONS_MISSING
    assert is_bad(code, partition_days=days, premake_days=premake_days) is bad


def test_partitions_when_one_between_is_missing_then_named() -> None:
    judgement = found(
        ProblemCode.PARTITIONS_MISSING,
        partition_days=WELL.partition_days - {TODAY + timedelta(days=1)},
    )

    assert judgement
    assert (judgement.value, judgement.limit) == (1, 3)
    assert judgement.text == ("there is no partition for 2026-01-03 (UTC): 1 of 3 days are ready")


@pytest.mark.parametrize(
    ("hosts", "database_s", "bad"),
    [
        ({"a": 1.0, "b": -1.0, "c": 0.0}, 0.0, False),
        ({"a": 1.1, "b": 3600.0, "c": 0.0}, 0.0, True),
        ({"a": -1.1}, 0.0, True),
        ({"a": 3600.0, "b": 0.0, "c": 0.0}, 3600.0, False),  # the database is not ours to judge
        ({"a": 3600.0, "b": 0.0}, 0.0, False),  # no majority: the database's word
        ({}, 1.0, False),
        ({}, 1.1, True),
        ({}, -1.1, True),
    ],
)
def test_clock_when_most_hosts_or_else_the_database_differ_then_ours_is_wrong(
    hosts: Mapping[str, float], database_s: float, bad: bool
) -> None:
    code = ProblemCode.CHECKER_CLOCK_WRONG
    assert is_bad(code, host_offsets_s=hosts, database_offset_s=database_s) is bad


def test_clock_when_hosts_disagree_and_the_database_is_away_then_nothing_is_judged() -> None:
    hosts = {"a": 3600.0, "b": 0.0}

    code = ProblemCode.CHECKER_CLOCK_WRONG
    assert found(code, host_offsets_s=hosts, database_offset_s=None) is None


@pytest.mark.parametrize(("offset_s", "side"), [(3600.0, "ahead of"), (-3600.0, "behind")])
def test_clock_when_wrong_then_the_text_takes_it_on_the_checker(offset_s: float, side: str) -> None:
    judgement = found(
        ProblemCode.CHECKER_CLOCK_WRONG, host_offsets_s=dict.fromkeys("abc", offset_s)
    )

    assert judgement
    assert judgement.text == (
        f"the checker's clock is 1 h {side} 3 of 3 hosts whose chrony is fine, limit 1 s: "
        "it is the checker that is wrong, not the hosts"
    )
