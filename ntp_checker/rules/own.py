"""Rules on the checker itself: whether what it promises is still being done. Pure.

As with hosts, a rule without data makes no Judgement: what is not known while the database is away
neither opens nor closes anything.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median

from ntp_checker.model import Judgement, ProblemCode, Severity
from ntp_checker.rules.judgements import judge_at_least, judge_quantity, judge_state
from ntp_checker.rules.wording import say_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimits:
    """What is still good of the checker itself."""

    #: A batch takes a fifth of a second, a restart of the database seconds: after a minute it is
    #: away, and what hosts do is known to this machine only.
    spool_age_s: float = 60.0
    #: Longer than a storm waits for its own (30 s) and any claim lasts (60 s): nobody is sending.
    outbox_age_s: float = 300.0
    #: Some nine attempts in a row. A provider's bad minute passes by itself before.
    channel_refused_s: float = 300.0
    #: The maintenance has two days to be repaired before a sample has no partition ready.
    partition_days_ahead: int = 2
    #: A thousand times what a synchronised clock is off; certificates and signatures bear minutes.
    clock_offset_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """How a channel fared when it was tried last."""

    channel: str
    #: since the first of the attempts in a row that failed; None if the last one was accepted
    refused_for_s: float | None
    is_given_up: bool = False  #: the last message will not be tried there again
    reason: str = ""  #: of the last refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnState:
    """What one checker knows of itself at one moment."""

    replica: str  #: our name for the database: the spool's owner
    spool_depth: int  #: samples that the database does not have
    spool_age_s: float | None  #: of the oldest of them; None if there is none
    database_error: str | None  #: None if it answered just now
    channels: Sequence[ChannelState] = ()  #: those that were tried since the start
    #: by channel, how long its oldest notification has been due; None if it is not known
    waiting_s: Mapping[str, float] | None = None
    today: date | None = None  #: UTC, by the database's clock; None if it is not known
    partition_days: frozenset[date] = frozenset()  #: UTC days that have a partition, from today on
    premake_days: int = 14  #: that the settings want
    #: of our own wall clock, positive when it is ahead of the database's; None if not known
    database_offset_s: float | None = None
    #: the same against each host whose chrony is fine, by name
    host_offsets_s: Mapping[str, float] | None = None


def judge_own(state: OwnState, limits: OwnLimits) -> list[Judgement]:
    """A Judgement for every rule that has data; none is a host's status."""
    return [
        _judge_spool(state, limits),
        *_judge_channels(state, limits),
        *_judge_outbox(state, limits),
        *_judge_partitions(state, limits),
        *_judge_clock(state, limits),
    ]


def dead_channels(judgements: Sequence[Judgement]) -> frozenset[str]:
    """Names of the channels that these call dead."""
    return frozenset(
        judgement.subject
        for judgement in judgements
        if judgement.code is ProblemCode.CHANNEL_DEAD and judgement.severity is not None
    )


def would_be_heard(judgements: Sequence[Judgement], channels: Collection[str]) -> bool:
    """False if nobody would hear of a host that breaks now: nothing is seen, or nothing goes out.

    `channels` are all that are configured. That samples wait in the spool is no reason: alerts are
    made of what is there.
    """
    silent = (ProblemCode.CHECKER_BLIND, ProblemCode.OUTBOX_BACKLOG)
    if any(one.code in silent and one.severity is not None for one in judgements):
        return False
    return not channels or not dead_channels(judgements).issuperset(channels)


def _judge_age(
    code: ProblemCode, age_s: float, limit_s: float, subject: str, text: str
) -> Judgement:
    judgement = judge_quantity(
        code, age_s, warning=limit_s, critical=limit_s, unit="s", say=lambda _: text
    )
    return replace(judgement, subject=subject)


def _judge_spool(state: OwnState, limits: OwnLimits) -> Judgement:
    age_s, limit_s = state.spool_age_s or 0.0, limits.spool_age_s
    waits = (
        f"the oldest of {state.spool_depth} samples has waited {say_seconds(age_s)} in the spool, "
        f"limit {say_seconds(limit_s)}"
    )
    text = "no sample waits in the spool" if state.spool_age_s is None else waits
    if age_s > limit_s:
        error = state.database_error
        why = "samples are stored too slowly" if error is None else "the database is away"
        text = f"{why}: {waits}{f' ({error})' if error else ''}"
    return _judge_age(ProblemCode.SPOOL_BACKLOG, age_s, limit_s, state.replica, text)


def _judge_channels(state: OwnState, limits: OwnLimits) -> Iterator[Judgement]:
    for one in state.channels:
        code, name, limit_s = ProblemCode.CHANNEL_DEAD, one.channel, limits.channel_refused_s
        if one.refused_for_s is None:
            yield _judge_age(code, 0.0, limit_s, name, f"channel {name} takes messages")
        elif one.is_given_up:
            text = f"channel {name} has refused its last message for good: {one.reason}"
            yield judge_state(code, Severity.CRITICAL, text, subject=name)
        # Not bad for long enough is not good: after a restart it would close what holds.
        elif one.refused_for_s > limit_s and name in (state.waiting_s or {}):
            text = (
                f"channel {name} has taken nothing for {say_seconds(one.refused_for_s)}, limit "
                f"{say_seconds(limit_s)}: {one.reason}"
            )
            yield _judge_age(code, one.refused_for_s, limit_s, name, text)


def _judge_outbox(state: OwnState, limits: OwnLimits) -> Iterator[Judgement]:
    """What waits for a channel that refuses is that channel's story."""
    if state.waiting_s is None:
        return
    refusing = {one.channel for one in state.channels if one.refused_for_s is not None}
    waiting_s = {name: age_s for name, age_s in state.waiting_s.items() if name not in refusing}
    slowest = max(waiting_s, key=waiting_s.__getitem__, default=None)
    age_s = 0.0 if slowest is None else waiting_s[slowest]
    text = "nothing waits to be sent"
    if slowest is not None:
        text = (
            f"the oldest notification has been due for {say_seconds(age_s)} on channel {slowest}, "
            f"limit {say_seconds(limits.outbox_age_s)}"
        )
    code = ProblemCode.OUTBOX_BACKLOG
    yield _judge_age(code, age_s, limits.outbox_age_s, state.replica, text)


def _judge_partitions(state: OwnState, limits: OwnLimits) -> Iterator[Judgement]:
    """Today's and those ahead; of what the settings want less a day, for midnight comes first."""
    if state.today is None:
        return
    ahead = max(0, min(limits.partition_days_ahead, state.premake_days - 1))
    days = [state.today + timedelta(days=number) for number in range(ahead + 1)]
    missing = next((day for day in days if day not in state.partition_days), None)
    there = len(days) if missing is None else days.index(missing)
    text = f"partitions are there for today and {ahead} days ahead"
    if missing is not None:
        text = f"there is no partition for {missing} (UTC): {there} of {len(days)} days are ready"
    yield judge_at_least(
        ProblemCode.PARTITIONS_MISSING,
        there,
        len(days),
        Severity.CRITICAL,
        text,
        subject=state.replica,
    )


def _judge_clock(state: OwnState, limits: OwnLimits) -> Iterator[Judgement]:
    """Our wall clock against most hosts that know the time; where they can't tell, the database's.

    A database's clock is whoever's: where hosts agree with us, it is not we who are wrong.
    """
    limit_s = limits.clock_offset_s
    offsets_s = list((state.host_offsets_s or {}).values())
    sides = (
        [offset_s for offset_s in offsets_s if offset_s > limit_s],
        [offset_s for offset_s in offsets_s if offset_s < -limit_s],
        [offset_s for offset_s in offsets_s if abs(offset_s) <= limit_s],
    )
    most = max(sides, key=len)
    if 2 * len(most) > len(offsets_s):
        offset_s = median(most)
        seen_by = f"{len(most)} of {len(offsets_s)} hosts whose chrony is fine"
        verdict = "it is the checker that is wrong, not the hosts"
    elif state.database_offset_s is not None:
        offset_s = state.database_offset_s
        seen_by, verdict = "the database's", "no host can tell which of the two is wrong"
    else:
        return
    text = f"the checker's clock agrees with {seen_by}"
    if abs(offset_s) > limit_s:
        side = "ahead of" if offset_s > 0 else "behind"
        text = (
            f"the checker's clock is {say_seconds(offset_s)} {side} {seen_by}, limit "
            f"{say_seconds(limit_s)}: {verdict}"
        )
    code = ProblemCode.CHECKER_CLOCK_WRONG
    yield _judge_age(code, abs(offset_s), limit_s, state.replica, text)
