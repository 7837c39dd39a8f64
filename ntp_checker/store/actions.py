"""What people do about alerts: acknowledge one, silence, end a silence. Sync.

Every function takes a connection in a transaction, which its caller owns (`acting`; for lists
`reading` does). ActionRefused says what can't be done, and nothing has changed then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

from ntp_checker.errors import ActionRefused, StoreError
from ntp_checker.model import Acknowledgement, Alert, AlertKey, NewSilence, Transition
from ntp_checker.recurrence import next_occurrence, occurrence_of
from ntp_checker.silencing import check_silence, read_name, read_words
from ntp_checker.store.alert_rows import (
    alert_from_row,
    alert_to_row,
    rows_as_json,
    transition_to_row,
)
from ntp_checker.store.pool import ActConnection, ReaderConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.store.reads import read_clock
from ntp_checker.transitions import acknowledge as taken_on
from ntp_checker.transitions import give_back

MAX_NOTE_CHARS = 500
#: More than ever hold, or are to come, at once.
MAX_HELD = 1_000
#: Nobody keeps an alert quiet for longer without looking at it again.
MAX_ACKNOWLEDGED = timedelta(days=366)


class SilenceState(StrEnum):
    """Whether a silence holds now."""

    ACTIVE = "active"
    COMING = "coming"
    EXPIRED = "expired"  #: it is over, or was ended


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceShown:
    """A silence as it was made, and what it is at this moment."""

    silence_id: int
    state: SilenceState
    host: str | None  #: None = any; so are the next three
    group: str | None
    code: str | None
    subject: str | None
    starts_at: datetime  #: of the first one, if it recurs
    ends_at: datetime
    recurrence: str | None  #: None = once
    time_zone: str | None
    now_from_at: datetime | None  #: the time that holds, or else comes next; None if none does
    now_to_at: datetime | None
    reason: str
    created_by: str
    created_at: datetime
    cancelled_by: str | None
    cancelled_at: datetime | None


def acknowledge(
    connection: ActConnection,
    alert_id: int,
    *,
    by: str,
    note: str = "",
    until_at: datetime | None = None,
) -> UUID:
    """The transition's event id; afterwards the alert has its acknowledgement, and both are there.

    A writer that advances the alert at this moment is waited for. Raises ActionRefused for an alert
    that is not there or not open, and for words that are too long.
    """
    by = read_name(by)
    note = read_words("note", note, MAX_NOTE_CHARS)
    locked = _lock_alert(connection, alert_id)
    now_at = read_clock(connection)
    if until_at is not None and not now_at < until_at <= now_at + MAX_ACKNOWLEDGED:
        raise ActionRefused(
            f"until is not within the next {MAX_ACKNOWLEDGED.days} days", field="until"
        )
    try:
        alert, transition = taken_on(
            locked.alert, Acknowledgement(by=by, at=now_at, until_at=until_at, note=note)
        )
    except ValueError as error:
        raise ActionRefused(f"alert {alert_id}: {error}") from error
    _keep(connection, locked, alert, transition)
    return transition.event_id


def unacknowledge(connection: ActConnection, alert_id: int, *, by: str) -> UUID:
    """The transition's event id; afterwards the alert's acknowledgement is past, and both are there.

    Raises ActionRefused for an alert that is not there, or that nobody has.
    """
    by = read_name(by)
    locked = _lock_alert(connection, alert_id)
    try:
        alert, transition = give_back(locked.alert, by, read_clock(connection))
    except ValueError as error:
        raise ActionRefused(f"alert {alert_id}: {error}") from error
    _keep(connection, locked, alert, transition)
    return transition.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locked:
    """An alert that no writer advances until the transaction ends."""

    alert: Alert
    host_id: int
    lease_epoch: int


def _lock_alert(connection: ActConnection, alert_id: int) -> _Locked:
    row = connection.execute(_statement("lock_alert"), {"alert_id": alert_id}).fetchone()
    if row is None:
        raise ActionRefused(f"there is no alert {alert_id}", is_unknown=True)
    host_id, lease_epoch, *columns = row
    return _Locked(alert=alert_from_row(columns), host_id=host_id, lease_epoch=lease_epoch)


def _keep(connection: ActConnection, locked: _Locked, alert: Alert, transition: Transition) -> None:
    alerts = load_queries("alerts")
    connection.execute(
        alerts["update_alerts"],
        {"rows": rows_as_json([alert_to_row(locked.host_id, locked.lease_epoch, alert)])},
    )
    connection.execute(
        alerts["insert_events"],
        {"rows": rows_as_json([transition_to_row(locked.host_id, transition)])},
    )


def create_silence(connection: ActConnection, wanted: NewSilence) -> int:
    """Its number; afterwards it is kept, and holds from its start on.

    Raises ActionRefused for what nobody would be silent by: no end, no reason, a rule that is not
    understood, a host or group that is not there.
    """
    wanted = check_silence(wanted, read_clock(connection))
    host_id = None
    if wanted.host is not None:
        found = connection.execute(_statement("host_named"), {"name": wanted.host}).fetchone()
        if found is None:
            raise ActionRefused(f"there is no host {wanted.host!r}", field="host")
        host_id = found[0]
    if wanted.group is not None:
        found = connection.execute(_statement("group_exists"), {"name": wanted.group}).fetchone()
        if found is None or not found[0]:
            raise ActionRefused(f"no host is in a group {wanted.group!r}", field="group")
    made = connection.execute(
        _statement("insert_silence"),
        {
            "host_id": host_id,
            "group": wanted.group,
            "code": wanted.code,
            "subject": wanted.subject,
            "starts_at": wanted.starts_at,
            "ends_at": wanted.ends_at,
            "recurrence": wanted.recurrence,
            "time_zone": wanted.time_zone,
            "reason": wanted.reason,
            "created_by": wanted.created_by,
        },
    ).fetchone()
    if made is None:
        raise StoreError("the database gave the silence no number")
    return int(made[0])


def expire_silence(connection: ActConnection, silence_id: int, *, by: str) -> None:
    """Afterwards it holds no more, nor will it again, and says who ended it.

    Raises ActionRefused for one that is not there or is over.
    """
    by = read_name(by)
    row = connection.execute(_statement("lock_silence"), {"silence_id": silence_id}).fetchone()
    if row is None:
        raise ActionRefused(f"there is no silence {silence_id}", is_unknown=True)
    starts_at, ends_at, recurrence, time_zone, cancelled_at = row
    now_at = read_clock(connection)
    state, _ = _state(starts_at, ends_at, recurrence, time_zone, cancelled_at, now_at)
    if state is SilenceState.EXPIRED:
        raise ActionRefused(f"silence {silence_id} is over already")
    connection.execute(_statement("cancel_silence"), {"silence_id": silence_id, "by": by})


def list_silences(
    connection: ReaderConnection, now_at: datetime, *, limit: int, skip: int = 0
) -> list[SilenceShown]:
    """At most `limit` of them: what holds or comes first, by its start, then what is over."""
    rows = connection.execute(
        _statement("silences_found"), {"at": now_at, "limit": limit, "skip": skip}
    ).fetchall()
    return [_shown(row, now_at) for row in rows]


def find_silences(
    connection: ReaderConnection, now_at: datetime, key: AlertKey, group: str | None
) -> list[SilenceShown]:
    """Those that hold at this moment for an alert of this key, whose host is in this group."""
    found = list_silences(connection, now_at, limit=MAX_HELD)
    wanted = (key.host, group, key.code, key.subject)
    return [
        one
        for one in found
        if one.state is SilenceState.ACTIVE
        and all(
            mine is None or mine == theirs
            for mine, theirs in zip(
                (one.host, one.group, one.code, one.subject), wanted, strict=True
            )
        )
    ]


def _shown(row: Sequence[Any], now_at: datetime) -> SilenceShown:
    (silence_id, host, group, code, subject, starts_at, ends_at, recurrence, time_zone, *who) = row
    (reason, created_by, created_at, cancelled_by, cancelled_at) = who
    state, times = _state(starts_at, ends_at, recurrence, time_zone, cancelled_at, now_at)
    return SilenceShown(
        silence_id=silence_id,
        state=state,
        host=host,
        group=group,
        code=code,
        subject=subject,
        starts_at=starts_at,
        ends_at=ends_at,
        recurrence=recurrence,
        time_zone=time_zone,
        now_from_at=times and times[0],
        now_to_at=times and times[1],
        reason=reason,
        created_by=created_by,
        created_at=created_at,
        cancelled_by=cancelled_by,
        cancelled_at=cancelled_at,
    )


def _state(
    starts_at: datetime,
    ends_at: datetime,
    recurrence: str | None,
    time_zone: str | None,
    cancelled_at: datetime | None,
    now_at: datetime,
) -> tuple[SilenceState, tuple[datetime, datetime] | None]:
    """With the time that holds, or comes next."""
    if cancelled_at is not None:
        return SilenceState.EXPIRED, None
    if recurrence is None or time_zone is None:
        if ends_at <= now_at:
            return SilenceState.EXPIRED, None
        is_active = starts_at <= now_at
        return SilenceState.ACTIVE if is_active else SilenceState.COMING, (starts_at, ends_at)
    try:
        holds = occurrence_of(recurrence, time_zone, starts_at, ends_at, now_at)
        coming = holds or next_occurrence(recurrence, time_zone, starts_at, ends_at, now_at)
    except ValueError:
        # Put in by hand: as the checker has it, a rule that nobody understands silences nothing.
        return SilenceState.EXPIRED, None
    if holds is not None:
        return SilenceState.ACTIVE, holds
    return (SilenceState.EXPIRED, None) if coming is None else (SilenceState.COMING, coming)


def _statement(name: str) -> LiteralString:
    return load_queries("actions")[name]
