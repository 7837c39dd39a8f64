"""What the dashboard and the commands read of alerts. Sync; connections come from `reading`."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import orjson

from ntp_checker.model import (
    AlertState,
    Severity,
    Silence,
    TransitionKind,
)
from ntp_checker.store.alert_shown import AlertShown, Notice, notice_from_json, shown_from_row
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.host_changes import find_changes
from ntp_checker.store.pool import ReaderConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.store.silences import find_in_force

__all__ = (
    "AlertFilter",
    "AlertMark",
    "AlertShown",
    "Notice",
    "OpenOfHost",
    "TransitionShown",
    "count_open",
    "read_alert",
    "read_alerts",
    "read_changes_before",
    "read_marks",
    "read_numbered",
    "read_numbers",
    "read_open_by_host",
    "read_transitions",
)

#: Numbers that come from the database at once.
_NUMBERS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts are wanted; None matches all."""

    state: AlertState | None = None
    host: str | None = None
    group: str | None = None
    code: str | None = None
    severity: Severity | None = None
    from_at: datetime | None = None  #: open at this time or later
    to_at: datetime | None = None  #: opened before


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionShown:
    """One step of an alert's life, and who was told of it."""

    event_id: UUID
    kind: TransitionKind
    slot_at: datetime  #: or the time at which somebody did something
    noted_at: datetime  #: when it was stored
    severity: Severity
    value: float | None
    limit: float | None
    unit: str
    reason: str
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOfHost:
    """The open alerts of one host in short."""

    alerts: int
    code: str  #: of the worst one; so are the others
    subject: str
    severity: Severity
    opened_at: datetime
    event_id: UUID | None
    acknowledged_by: str | None
    acknowledged_until_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMark:
    """When an alert was open, for a chart."""

    host: str
    code: str
    subject: str
    severity: Severity
    opened_at: datetime
    closed_at: datetime | None  #: None while it is open


def read_alerts(
    connection: ReaderConnection,
    wanted: AlertFilter,
    now_at: datetime,
    *,
    limit: int,
    skip: int = 0,
) -> list[AlertShown]:
    """At most `limit` of them: open ones first, worst first, then the newest."""
    arguments = {**_filter_arguments(wanted), "numbers": None, "limit": limit, "skip": skip}
    return _read_shown(connection, arguments, now_at)


def read_numbers(connection: ReaderConnection, wanted: AlertFilter) -> "array[int]":
    """The number of every alert that is wanted, in the order of `read_alerts`.

    8 bytes each, so that a million may be held while they are read little by little.
    """
    numbers: array[int] = array("q")
    with connection.cursor("alert_numbers") as cursor:
        cursor.itersize = _NUMBERS_AT_ONCE
        cursor.execute(_statement("alert_numbers"), _filter_arguments(wanted))
        numbers.extend(number for (number,) in cursor)
    return numbers


def read_numbered(
    connection: ReaderConnection, numbers: Sequence[int], now_at: datetime
) -> list[AlertShown]:
    """The alerts with these numbers, as they are now; in the order of `read_alerts`.

    One that is not kept any more is left out.
    """
    arguments = {
        **_filter_arguments(AlertFilter()),
        "numbers": integer_array(numbers),
        "limit": len(numbers),
        "skip": 0,
    }
    return _read_shown(connection, arguments, now_at)


def _filter_arguments(wanted: AlertFilter) -> dict[str, object]:
    return {
        "state": wanted.state,
        "host": wanted.host,
        "group": wanted.group,
        "code": wanted.code,
        "severity": wanted.severity,
        "from_at": wanted.from_at,
        "to_at": wanted.to_at,
    }


def _read_shown(
    connection: ReaderConnection, arguments: Mapping[str, object], now_at: datetime
) -> list[AlertShown]:
    rows = connection.execute(_statement("alerts_found"), arguments).fetchall()
    found = [shown_from_row(row) for row in rows]
    if not any(alert.state is AlertState.OPEN for alert in found):
        return found
    silences = find_in_force(connection, now_at)
    return [replace(alert, silenced_until_at=_silenced_until(alert, silences)) for alert in found]


def _silenced_until(alert: AlertShown, silences: Sequence[Silence]) -> datetime | None:
    """When the last of these silences ends that cover the alert; None if it is closed, too."""
    if alert.state is not AlertState.OPEN:
        return None
    ends = [
        one.ends_at
        for one in silences
        if one.covers(host=alert.host, group=alert.group, code=alert.code, subject=alert.subject)
    ]
    return max(ends, default=None)


def count_open(connection: ReaderConnection) -> int:
    """How many alerts are open now."""
    row = connection.execute(_statement("count_open")).fetchone()
    return int(row[0]) if row else 0


def read_alert(connection: ReaderConnection, event_id: UUID) -> AlertShown | None:
    """The alert that this transition belongs to, without notices and silences; None: none."""
    row = connection.execute(_statement("alert_of_event"), {"event_id": event_id}).fetchone()
    return None if row is None else shown_from_row(row)


def read_transitions(
    connection: ReaderConnection, alert_id: int, *, limit: int
) -> list[TransitionShown]:
    """The first `limit` steps of an alert's life, in their order."""
    rows = connection.execute(
        _statement("transitions_of_alert"), {"alert_id": alert_id, "limit": limit}
    ).fetchall()
    return [
        TransitionShown(
            event_id=event_id,
            kind=TransitionKind(kind),
            slot_at=slot_at,
            noted_at=noted_at,
            severity=Severity(severity),
            value=value,
            limit=limit_value,
            unit=unit,
            reason=reason,
            notices=[notice_from_json(notice) for notice in orjson.loads(notices)],
        )
        for (
            event_id, kind, slot_at, noted_at, severity, value, limit_value, unit, reason, notices,
        ) in rows
    ]  # fmt: skip


def read_changes_before(connection: ReaderConnection, alert: AlertShown) -> list[str]:
    """What changed on its host just before it opened: sentences, newest first."""
    row = connection.execute(_statement("host_of_alert"), {"alert_id": alert.alert_id}).fetchone()
    return [] if row is None else find_changes(connection, row[0], alert.opened_at)


def read_open_by_host(connection: ReaderConnection) -> dict[str, OpenOfHost]:
    """By name, of every host that has an open alert."""
    rows = connection.execute(_statement("open_by_host")).fetchall()
    return {
        name: OpenOfHost(
            alerts=alerts,
            code=code,
            subject=subject,
            severity=Severity(severity),
            opened_at=opened_at,
            event_id=event_id,
            acknowledged_by=by,
            acknowledged_until_at=until_at,
        )
        for name, code, subject, severity, opened_at, by, until_at, event_id, alerts in rows
    }


def read_marks(
    connection: ReaderConnection,
    hosts: Sequence[str],
    from_at: datetime,
    to_at: datetime,
    *,
    limit: int,
) -> list[AlertMark]:
    """At most `limit` alerts that were open between these times, the worst first.

    Of these hosts; of any host where none is given, but then only critical ones of the offset and
    the error bound.
    """
    rows = connection.execute(
        _statement("marks"),
        {"hosts": text_array(hosts), "from_at": from_at, "to_at": to_at, "limit": limit},
    ).fetchall()
    return [
        AlertMark(
            host=host,
            code=code,
            subject=subject,
            severity=Severity(severity),
            opened_at=opened_at,
            closed_at=closed_at,
        )
        for host, code, subject, severity, opened_at, closed_at in rows
    ]


def _statement(name: str) -> LiteralString:
    return load_queries("alert_reads")[name]
