"""The life of an alert: pending, open, closed, slot by slot. Pure.

pending   bad, but not for `bad_looks` in a row; a good look ends it and nobody hears of it
open      until `good_looks` in a row are on the clear side, or it is watched no more (see clearing)
closed    for good: the next bad look begins another alert

A slot without a Judgement on an alert's key leaves all its counters as they are: no data is not
good data. A look between clear limit and limit is good, so it ends what is pending; it sets the
counters of an open alert to 0. An alert has at most one transition in a slot.

While an alert flaps it opens and closes as ever, each time as an alert of its own, but its
transitions are quiet: on record, told to nobody. What gets critical is always told.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime

from ntp_checker.clearing import (
    Side,
    is_bad,
    is_clear_of_critical,
    say_why_left,
    side_of,
    worse_value,
)
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertPolicy,
    AlertState,
    FailureKind,
    Host,
    JudgedSample,
    Judgement,
    Part,
    Sample,
    Severity,
    Transition,
    TransitionKind,
)
from ntp_checker.transitions import (
    FLAPPING_WINDOW,
    Step,
    closed,
    come_to_rest,
    ended,
    is_acknowledged,
    opened,
    reminded,
    told,
)

_NOT_LOOKED = (FailureKind.MISSED, FailureKind.DROPPED, FailureKind.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What one slot made of a host's alerts."""

    #: New or changed, closed ones too. Closed and never opened: it ended while pending, forget it.
    alerts: tuple[Alert, ...] = ()
    transitions: tuple[Transition, ...] = ()


_NOTHING = Advance()


def advance(
    live: Mapping[AlertKey, Alert],
    recent: Mapping[AlertKey, Alert],
    judged: JudgedSample,
    policy: AlertPolicy,
    settings: Host | None = None,
) -> Advance:
    """What the next slot of a host makes of its alerts.

    `settings` are the host's present ones: what they switch off ends. None: they are not known.

    `live` are the host's alerts that are pending or open. `recent` holds, for each key, the alert
    that closed last, if that is less than a day ago: flapping goes on from one alert to the next.
    What closed earlier may be there and makes no difference. Slots come in order; one that is not
    past an alert's last slot changes nothing for it. `settle` brings both maps up to date.
    """
    sample = judged.sample
    slot_at = sample.slot_at
    if _is_not_looked_at(sample):
        return _collected(
            reminded(alert, None, slot_at, policy)
            for alert in live.values()
            if slot_at > alert.last_slot_at
        )
    found = _found(live, recent, judged)
    if not live and not recent and not found:
        return _NOTHING
    steps = []
    for key in dict.fromkeys((*found, *live, *recent)):
        alert, last, on_it = live.get(key), recent.get(key), found.get(key)
        if last is not None and _is_long_gone(last, slot_at):
            last = None
        if alert is None:
            steps.append(_begun(key, last, on_it, slot_at, policy))
        elif slot_at > alert.last_slot_at:
            step = _next(alert, last, on_it, sample, policy, settings)
            steps.append(step)
            # What ended while pending leaves its key to the one before it, in this very slot.
            if last is not None and step is not None and _ended_silently(step[0]):
                steps.append(come_to_rest(last, on_it, slot_at, policy))
    return _collected(steps)


def settle(
    live: MutableMapping[AlertKey, Alert], recent: MutableMapping[AlertKey, Alert], made: Advance
) -> None:
    """Puts each alert of an Advance where the next slot looks for it."""
    for alert in made.alerts:
        if alert.state is not AlertState.CLOSED:
            live[alert.key] = alert
            continue
        live.pop(alert.key, None)
        if not _ended_silently(alert):
            recent[alert.key] = alert


def close_all(live: Mapping[AlertKey, Alert], slot_at: datetime, reason: str) -> Advance:
    """Ends the alerts of a host that leaves; `reason` is a sentence, told of each open one."""
    return _collected(ended(alert, slot_at, reason) for alert in live.values())


def _collected(steps: Iterable[Step | None]) -> Advance:
    made = [step for step in steps if step is not None]
    return Advance(
        alerts=tuple(alert for alert, _ in made),
        transitions=tuple(transition for _, transition in made if transition is not None),
    )


def _found(
    live: Mapping[AlertKey, Alert], recent: Mapping[AlertKey, Alert], judged: JudgedSample
) -> dict[AlertKey, Judgement]:
    """What the look says of each key that may matter: most are good and without an alert."""
    found: dict[AlertKey, Judgement] = {}
    codes = {key.code for key in (*live, *recent)}
    for judgement in judged.verdict.judgements:
        if judgement.severity is None and judgement.code not in codes:
            continue
        key = AlertKey(host=judged.sample.host, code=judgement.code, subject=judgement.subject)
        # Two reference clocks may share a name: the bad one counts.
        if key not in found or not is_bad(found[key]):
            found[key] = judgement
    return found


def _ended_silently(alert: Alert) -> bool:
    return alert.state is AlertState.CLOSED and alert.opened_at is None


def _is_long_gone(last: Alert, slot_at: datetime) -> bool:
    return last.closed_at is None or slot_at - last.closed_at >= FLAPPING_WINDOW


def _is_not_looked_at(sample: Sample) -> bool:
    failure = sample.failure_of(Part.LOGIN)
    return failure is not None and failure.kind in _NOT_LOOKED


def _begun(
    key: AlertKey,
    last: Alert | None,
    judgement: Judgement | None,
    slot_at: datetime,
    policy: AlertPolicy,
) -> Step | None:
    """The next slot of a key without a live alert; `last` is the alert that closed last."""
    if last is not None and (last.closed_at is None or slot_at <= last.closed_at):
        return None
    if judgement is not None and is_bad(judgement):
        alert = Alert(
            key=key,
            state=AlertState.PENDING,
            severity=Severity.WARNING,
            first_bad_slot_at=slot_at,
            last_slot_at=slot_at,
        )
        return _after_bad(alert, last, judgement, slot_at, policy)
    return None if last is None else come_to_rest(last, judgement, slot_at, policy)


def _next(
    alert: Alert,
    last: Alert | None,
    judgement: Judgement | None,
    sample: Sample,
    policy: AlertPolicy,
    settings: Host | None,
) -> Step | None:
    """The next slot of a pending or open alert; None if nothing changes."""
    slot_at = sample.slot_at
    transition: Transition | None = None
    if judgement is None:
        if (why := say_why_left(alert.key, sample, settings)) is not None:
            return closed(alert, slot_at, why, policy)
    elif is_bad(judgement):
        alert, transition = _after_bad(alert, last, judgement, slot_at, policy)
    else:
        alert, transition = _after_good(alert, judgement, slot_at, policy)
    if transition is None and alert.state is AlertState.OPEN:
        said = come_to_rest(alert, judgement, slot_at, policy) or reminded(
            alert, judgement, slot_at, policy
        )
        if said is not None:
            return said
    return None if judgement is None else (alert, transition)


def _after_bad(
    alert: Alert, last: Alert | None, judgement: Judgement, slot_at: datetime, policy: AlertPolicy
) -> Step:
    severity = judgement.severity or alert.severity
    seen = replace(
        _seen(alert, judgement, slot_at),
        bad_in_a_row=alert.bad_in_a_row + 1,
        good_in_a_row=0,
        peak_value=worse_value(alert.peak_value, judgement),
        reason=judgement.text,
    )
    if alert.state is AlertState.OPEN and severity is not alert.severity:
        if severity is Severity.WARNING:
            return _maybe_eased(alert, seen, judgement, policy)
        seen = replace(
            seen,
            severity=severity,
            limit=judgement.limit,
            acknowledgement=None,
            reminded_at=slot_at,
        )
        return told(seen, TransitionKind.WORSENED, slot_at, f"now critical: {judgement.text}")
    seen = replace(seen, severity=severity, limit=judgement.limit)
    wanted = policy.bad_looks_of.get(alert.key.code, policy.bad_looks)
    if alert.state is AlertState.PENDING and seen.bad_in_a_row >= wanted:
        return opened(seen, last, slot_at, policy)
    return seen, None


def _maybe_eased(alert: Alert, seen: Alert, judgement: Judgement, policy: AlertPolicy) -> Step:
    """A warning on a critical alert: a warning itself after `good_looks` in a row of these."""
    if not is_clear_of_critical(judgement, alert, policy.clear_ratio):
        return seen, None
    # After a bad look good_in_a_row counted warnings, after a good one looks that may close it.
    warnings = 1 + (alert.good_in_a_row if alert.bad_in_a_row else 0)
    if warnings < policy.good_looks:
        return replace(seen, good_in_a_row=warnings), None
    slot_at = seen.last_slot_at
    seen = replace(seen, severity=Severity.WARNING, limit=judgement.limit)
    is_quiet = seen.flapping_since_at is not None or is_acknowledged(seen, slot_at)
    reason = f"no longer critical: {judgement.text}"
    return told(seen, TransitionKind.EASED, slot_at, reason, is_quiet=is_quiet)


def _after_good(alert: Alert, judgement: Judgement, slot_at: datetime, policy: AlertPolicy) -> Step:
    seen = replace(_seen(alert, judgement, slot_at), bad_in_a_row=0, good_in_a_row=0)
    if alert.state is AlertState.OPEN:
        if side_of(judgement, policy.clear_ratio) is not Side.CLEAR:
            return seen, None
        clear = 1 + (0 if alert.bad_in_a_row else alert.good_in_a_row)
        seen = replace(seen, good_in_a_row=clear)
        if clear < policy.good_looks:
            return seen, None
    seen = replace(seen, limit=judgement.limit)
    # INFO is no alert, and yet nothing good: the settings made it so.
    why = "good again" if judgement.severity is None else "no alert by the limits any more"
    return closed(seen, slot_at, f"{why}: {judgement.text}", policy)


def _seen(alert: Alert, judgement: Judgement, slot_at: datetime) -> Alert:
    """With what was found. A critical alert keeps the limit that made it one."""
    limit = judgement.limit if alert.severity is Severity.WARNING else alert.limit
    return replace(
        alert, last_slot_at=slot_at, value=judgement.value, limit=limit, unit=judgement.unit
    )
