"""Whatever a host does, the life of its alerts stays in order.

NTP_CHECKER_FUZZ_EXAMPLES sets how many hosts are made up for each property.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ntp_checker.alerting import Advance
from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import (
    Acknowledgement,
    Alert,
    AlertKey,
    AlertPolicy,
    AlertState,
    FailureKind,
    JudgedSample,
    Judgement,
    ProblemCode,
    Severity,
    Transition,
    TransitionKind,
)
from ntp_checker.transitions import acknowledge
from tests.made_alerts import (
    BETWEEN_S,
    CRITICAL_S,
    GOOD_S,
    WARNING_S,
    WatchedHost,
    judged,
    offset,
    state,
)
from tests.made_samples import SAMPLE, SOURCES

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED
FLAPPING = TransitionKind.FLAPPING
SOURCE = SOURCES[1].address
STORED = TypeAdapter(list[Alert])
EXAMPLES = int(os.environ.get("NTP_CHECKER_FUZZ_EXAMPLES", "100"))
property_of_alerts = settings(
    max_examples=EXAMPLES,
    deadline=None,  # the machine's load is no property of an alert
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


@dataclass(frozen=True)
class Look:
    """One slot, and whether somebody takes what is open on right after it."""

    after: timedelta
    is_missed: bool
    offset_s: float | None  #: None: no data
    source_severity: Severity | None
    is_source_listed: bool
    is_acknowledged: bool

    def found(self) -> Iterator[Judgement]:
        if self.offset_s is not None:
            yield offset(self.offset_s)
        if self.is_source_listed:
            yield state(ProblemCode.FALSETICKER, self.source_severity, SOURCE)


#: Every kind of slot, ready made: one draw each.
LOOKS = [
    Look(
        after=timedelta(seconds=after_s),
        is_missed=is_missed,
        offset_s=offset_s,
        source_severity=source_severity,
        is_source_listed=is_source_listed,
        is_acknowledged=is_acknowledged,
    )
    for after_s in (30, 30, 30, 900, 3600, 18_000)
    for is_missed in (False, False, False, True)
    for offset_s in (GOOD_S, GOOD_S, BETWEEN_S, WARNING_S, 0.045, CRITICAL_S, None)
    for source_severity in (None, Severity.WARNING, Severity.CRITICAL)
    for is_source_listed in (True, False)
    for is_acknowledged in (False, False, False, True)
]
looks = st.lists(st.sampled_from(LOOKS), max_size=50)
policies = st.builds(
    AlertPolicy,
    bad_looks=st.integers(1, 3),
    good_looks=st.integers(1, 2),
    flapping_changes=st.integers(2, 6),
)


def sample_of(host: WatchedHost, look: Look) -> JudgedSample:
    slot_at = host.at + look.after
    if look.is_missed:
        return empty_slot("ntp1", slot_at, FailureKind.MISSED, "not looked at")
    sources = SOURCES if look.is_source_listed else (SOURCES[0],)
    return judged(slot_at, *look.found(), sample=replace(SAMPLE, sources=sources))


def take(host: WatchedHost, look: Look) -> Advance:
    made = host.take(sample_of(host, look))
    if look.is_acknowledged:
        until_at = host.at + timedelta(hours=6)
        taken = Acknowledgement(by="ada", at=host.at, until_at=until_at)
        for key, alert in host.live.items():
            if alert.state is AlertState.OPEN:
                host.live[key], transition = acknowledge(alert, taken)
                host.transitions.append(transition)
    return made


def lived(sequence: Sequence[Look], policy: AlertPolicy) -> WatchedHost:
    host = WatchedHost(policy)
    for look in sequence:
        take(host, look)
    return host


@property_of_alerts
@given(looks, policies)
def test_ordinals_when_anything_happens_then_have_no_gap(
    sequence: list[Look], policy: AlertPolicy
) -> None:
    ordinals = defaultdict(list)
    for transition in lived(sequence, policy).transitions:
        ordinals[transition.key, transition.first_bad_slot_at].append(transition.ordinal)

    assert all(found == list(range(1, len(found) + 1)) for found in ordinals.values())


@property_of_alerts
@given(looks, policies)
def test_event_ids_when_anything_happens_then_unique(
    sequence: list[Look], policy: AlertPolicy
) -> None:
    ids: list[UUID] = [transition.event_id for transition in lived(sequence, policy).transitions]

    assert len(set(ids)) == len(ids)


@property_of_alerts
@given(looks, policies)
def test_openings_and_closings_when_anything_happens_then_take_turns(
    sequence: list[Look], policy: AlertPolicy
) -> None:
    changes: dict[AlertKey, list[bool]] = defaultdict(list)
    for transition in lived(sequence, policy).transitions:
        if transition.kind in (OPENED, RESOLVED, FLAPPING) and not is_rest(transition):
            is_opening = transition.kind is OPENED or "; now open: " in transition.reason
            changes[transition.key].append(is_opening)

    for turns in changes.values():
        assert turns == [number % 2 == 0 for number in range(len(turns))]


def is_rest(transition: Transition) -> bool:
    """Told again, because it has come to rest: nothing has changed in this slot."""
    return transition.reason.startswith("the alert has stopped flapping")


@property_of_alerts
@given(looks, policies)
def test_alert_when_closed_then_stays_closed(sequence: list[Look], policy: AlertPolicy) -> None:
    host = WatchedHost(policy)
    versions: dict[tuple[AlertKey, object], list[AlertState]] = defaultdict(list)
    for look in sequence:
        for alert in take(host, look).alerts:
            versions[alert.key, alert.first_bad_slot_at].append(alert.state)
    order = [AlertState.PENDING, AlertState.OPEN, AlertState.CLOSED]

    assert all(states == sorted(states, key=order.index) for states in versions.values())


@property_of_alerts
@given(looks, policies)
def test_slot_when_given_twice_then_second_time_changes_nothing(
    sequence: list[Look], policy: AlertPolicy
) -> None:
    host = WatchedHost(policy)
    for look in sequence:
        sample = sample_of(host, look)
        host.take(sample)

        assert host.take(sample) == Advance()


@property_of_alerts
@given(looks, policies, st.data())
def test_sequence_when_split_anywhere_then_same_transitions(
    sequence: list[Look], policy: AlertPolicy, drawn: st.DataObject
) -> None:
    cut = drawn.draw(st.integers(0, len(sequence)))
    first = lived(sequence[:cut], policy)
    second = stored_and_read(first)
    for look in sequence[cut:]:
        take(second, look)

    assert first.transitions + second.transitions == lived(sequence, policy).transitions


def stored_and_read(host: WatchedHost) -> WatchedHost:
    """The host as another checker finds it, which asks for what closed within the last day."""
    recent = [
        alert
        for alert in host.recent.values()
        if alert.closed_at is not None and host.at - alert.closed_at < timedelta(days=1)
    ]
    live = STORED.validate_json(STORED.dump_json(list(host.live.values())))
    recent = STORED.validate_json(STORED.dump_json(recent))
    return WatchedHost(
        host.policy,
        live={alert.key: alert for alert in live},
        recent={alert.key: alert for alert in recent},
        at=host.at,
    )


@property_of_alerts
@given(looks, policies)
def test_transition_when_anything_happens_then_one_per_alert_and_slot(
    sequence: list[Look], policy: AlertPolicy
) -> None:
    host = WatchedHost(policy)
    for look in sequence:
        keys = [transition.key for transition in host.take(sample_of(host, look)).transitions]

        assert len(set(keys)) == len(keys)


@property_of_alerts
@given(looks, policies)
def test_critical_alert_when_it_has_come_about_then_somebody_was_told(
    sequence: list[Look], policy: AlertPolicy
) -> None:
    """Of the worst that is open, or of the flapping it is part of."""
    host = WatchedHost(policy)
    told: dict[AlertKey, Transition] = {}
    for look in sequence:
        made = take(host, look)
        told |= {
            transition.key: transition for transition in made.transitions if not transition.is_quiet
        }
        for alert in host.live.values():
            if alert.state is AlertState.OPEN and alert.severity is Severity.CRITICAL:
                assert alert.key in told
                assert told[alert.key].severity is Severity.CRITICAL or alert.flapping_since_at
