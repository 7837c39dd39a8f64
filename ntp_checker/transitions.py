"""How a change of an alert is told: its transition, flapping, rest, reminders, who took it on. Pure."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from ntp_checker.model import (
    Acknowledgement,
    Alert,
    AlertKey,
    AlertPolicy,
    AlertState,
    Judgement,
    Severity,
    Transition,
    TransitionKind,
)

#: Drawn at random for this product; another one would give every event another identity.
EVENT_NAMESPACE = UUID("6f0c6fad-ef1b-49d0-9fea-28e0814ece41")
#: Openings and closings are counted over this time, to tell flapping.
FLAPPING_WINDOW = timedelta(days=1)

#: An alert after a slot, and what is told of it, if anything.
Step = tuple[Alert, Transition | None]


def event_id(
    key: AlertKey, first_bad_slot_at: datetime, kind: TransitionKind, ordinal: int
) -> UUID:
    """Identity of a transition: the same whoever works it out, with or without the database."""
    # JSON quotes what is in a text, so no two inputs give one name.
    began = first_bad_slot_at.astimezone(UTC).isoformat(timespec="microseconds")
    name = json.dumps([key.host, key.code.value, key.subject, began, kind.value, ordinal])
    return uuid5(EVENT_NAMESPACE, name)


def told(
    alert: Alert,
    kind: TransitionKind,
    slot_at: datetime,
    reason: str,
    *,
    is_quiet: bool = False,
) -> tuple[Alert, Transition]:
    """The alert with its next transition, which has the alert's own value, limit and severity."""
    alert = replace(alert, last_ordinal=alert.last_ordinal + 1)
    return alert, Transition(
        event_id=event_id(alert.key, alert.first_bad_slot_at, kind, alert.last_ordinal),
        key=alert.key,
        kind=kind,
        ordinal=alert.last_ordinal,
        first_bad_slot_at=alert.first_bad_slot_at,
        slot_at=slot_at,
        severity=alert.severity,
        value=alert.value,
        limit=alert.limit,
        unit=alert.unit,
        reason=reason,
        is_quiet=is_quiet,
    )


def opened(alert: Alert, last: Alert | None, slot_at: datetime, policy: AlertPolicy) -> Step:
    """A pending alert that opens; `last` is the one of the same key that closed last.

    Told as it is, as the flapping it starts, or not at all while it flaps. Critical after a
    warning is always told.
    """
    alert = replace(alert, state=AlertState.OPEN, opened_at=slot_at)
    has_worsened = False
    if last is not None:
        alert = replace(alert, changed_at=last.changed_at, flapping_since_at=last.flapping_since_at)
        has_worsened = last.severity is Severity.WARNING and alert.severity is Severity.CRITICAL
    alert = _with_change(alert, slot_at, policy)
    flaps_on = alert.flapping_since_at not in (None, slot_at)
    if flaps_on and not has_worsened:
        return told(alert, TransitionKind.OPENED, slot_at, alert.reason, is_quiet=True)
    alert = replace(alert, reminded_at=slot_at)
    if alert.flapping_since_at == slot_at:
        reason = f"{_say_flapping(policy)}; now open: {alert.reason}"
        return told(alert, TransitionKind.FLAPPING, slot_at, reason)
    return told(alert, TransitionKind.OPENED, slot_at, alert.reason)


def closed(alert: Alert, slot_at: datetime, reason: str, policy: AlertPolicy) -> Step:
    """An alert that closes: silently if it never opened, else told as `opened` is."""
    was_pending = alert.state is AlertState.PENDING
    alert = replace(alert, state=AlertState.CLOSED, closed_at=slot_at)
    if was_pending:
        return alert, None
    alert = _with_change(alert, slot_at, policy)
    if alert.flapping_since_at == slot_at:
        reason = f"{_say_flapping(policy)}; now closed: {reason}"
        return told(alert, TransitionKind.FLAPPING, slot_at, reason)
    flaps_on = alert.flapping_since_at is not None
    return told(alert, TransitionKind.RESOLVED, slot_at, reason, is_quiet=flaps_on)


def ended(alert: Alert, slot_at: datetime, reason: str) -> Step | None:
    """An alert whose host leaves: always told if it was open, and forgotten by flapping."""
    if alert.state is AlertState.CLOSED:
        return None
    was_pending = alert.state is AlertState.PENDING
    alert = replace(
        alert,
        state=AlertState.CLOSED,
        closed_at=slot_at,
        changed_at=(),
        flapping_since_at=None,
    )
    return (alert, None) if was_pending else told(alert, TransitionKind.RESOLVED, slot_at, reason)


def come_to_rest(
    alert: Alert, judgement: Judgement | None, slot_at: datetime, policy: AlertPolicy
) -> Step | None:
    """The end of flapping, told as the state it ended in; None if it does not end now.

    `alert` is open, or closed and the last of its key. Counting starts afresh: otherwise the very
    next change would be flapping again.
    """
    if not _flapping_is_over(alert, slot_at, policy):
        return None
    alert = replace(alert, flapping_since_at=None, changed_at=())
    steady = "the alert has stopped flapping; still"
    if alert.state is AlertState.OPEN:
        alert = replace(alert, reminded_at=slot_at)
        text = alert.reason if judgement is None else judgement.text
        return told(alert, TransitionKind.OPENED, slot_at, f"{steady} open: {text}")
    if judgement is None:
        return told(alert, TransitionKind.RESOLVED, slot_at, f"{steady} closed")
    alert = replace(alert, value=judgement.value, limit=judgement.limit)
    return told(alert, TransitionKind.RESOLVED, slot_at, f"{steady} good: {judgement.text}")


def reminded(
    alert: Alert, judgement: Judgement | None, slot_at: datetime, policy: AlertPolicy
) -> Step | None:
    """A reminder of an open alert that nobody has taken on; None if none is due.

    What is withheld has nobody to be reminded of it.
    """
    told_at = alert.reminded_at
    if told_at is None or not _is_for_telling(alert, slot_at):
        return None
    if slot_at - told_at < policy.remind_every:
        return None
    alert = replace(alert, reminded_at=slot_at)
    if judgement is None:
        reason = f"still open, and nothing newer is known: {alert.reason}"
    elif judgement.severity is None:
        reason = f"still open, though better just now: {judgement.text}"
    else:
        reason = f"still open: {judgement.text}"
    return told(alert, TransitionKind.REMINDED, slot_at, reason)


def withheld(alert: Alert) -> Alert:
    """The alert after something that was to be told of it, and was held back from everybody."""
    return replace(alert, reminded_at=None)


def told_at_last(alert: Alert, slot_at: datetime) -> Step | None:
    """What is told of an open alert as soon as nothing holds it back; None if that is known.

    Whoever calls this finds out whether anything still does.
    """
    if alert.reminded_at is not None or not _is_for_telling(alert, slot_at):
        return None
    alert = replace(alert, reminded_at=slot_at)
    reason = f"was silenced, or explained by another alert, until now; still open: {alert.reason}"
    return told(alert, TransitionKind.REMINDED, slot_at, reason)


def acknowledge(alert: Alert, acknowledgement: Acknowledgement) -> tuple[Alert, Transition]:
    """The alert with someone who has taken it on, in place of whoever had.

    Until `until_at` it is not reminded of and its easing is quiet; worsening ends that.
    Raises ValueError for an alert that is not open.
    """
    if alert.state is not AlertState.OPEN:
        raise ValueError(f"{alert.key.code} is {alert.state}: only an open alert is acknowledged")
    until_at = acknowledgement.until_at
    until = "" if until_at is None else f" until {until_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    note = f": {acknowledgement.note}" if acknowledgement.note else ""
    alert = replace(alert, acknowledgement=acknowledgement)
    reason = f"taken on by {acknowledgement.by}{until}{note}"
    return told(alert, TransitionKind.ACKNOWLEDGED, acknowledgement.at, reason)


def give_back(alert: Alert, by: str, at: datetime) -> tuple[Alert, Transition]:
    """The alert with an acknowledgement that holds until now: it is reminded of again.

    Raises ValueError where nobody has it.
    """
    taken_on = alert.acknowledgement
    if taken_on is None or alert.state is not AlertState.OPEN or not is_acknowledged(alert, at):
        raise ValueError(f"nobody has {alert.key.code}: there is nothing to take back")
    alert = replace(alert, acknowledgement=replace(taken_on, until_at=at))
    return told(alert, TransitionKind.ACKNOWLEDGED, at, f"given back by {by}, reminders go on")


def _is_for_telling(alert: Alert, slot_at: datetime) -> bool:
    """True for an open alert that nobody has taken on, and that is not flapping."""
    return (
        alert.state is AlertState.OPEN
        and alert.flapping_since_at is None
        and not is_acknowledged(alert, slot_at)
    )


def is_acknowledged(alert: Alert, at: datetime) -> bool:
    """True while someone has taken it on; `until_at` itself is past the end."""
    taken = alert.acknowledgement
    return taken is not None and (taken.until_at is None or at < taken.until_at)


def _with_change(alert: Alert, slot_at: datetime, policy: AlertPolicy) -> Alert:
    """With this opening or closing counted; flapping since this slot if that is one too many."""
    changed_at, since_at = alert.changed_at, alert.flapping_since_at
    if _flapping_is_over(alert, slot_at, policy):
        changed_at, since_at = (), None
    of_the_day = tuple(at for at in changed_at if slot_at - at < FLAPPING_WINDOW)
    # More than are needed to tell would make the row of a bad day grow without end.
    changed_at = (*of_the_day, slot_at)[-policy.flapping_changes :]
    if since_at is None and len(changed_at) >= policy.flapping_changes:
        since_at = slot_at
    return replace(alert, changed_at=changed_at, flapping_since_at=since_at)


def _flapping_is_over(alert: Alert, slot_at: datetime, policy: AlertPolicy) -> bool:
    if alert.flapping_since_at is None:
        return False
    changed_at = alert.changed_at[-1] if alert.changed_at else alert.flapping_since_at
    return slot_at - changed_at >= policy.flapping_quiet


def _say_flapping(policy: AlertPolicy) -> str:
    minutes = policy.flapping_quiet / timedelta(minutes=1)
    times = f"the alert opened or closed {policy.flapping_changes} times within a day"
    return f"{times}; quiet until it has been steady for {minutes:g} min"
