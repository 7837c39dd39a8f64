"""What the dashboard and the commands read of alerts. Sync; connections come from `reading`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import orjson

from ntp_checker.model import Acknowledgement, AlertState, Severity
from ntp_checker.store.pool import ReaderConnection
from ntp_checker.store.queries import load_queries


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
class Notice:
    """One transition that one channel was to tell, and what came of it."""

    transition: str
    at: datetime  #: when it was stored
    channel: str
    state: str  #: waiting, claimed, accepted, given_up or suppressed
    attempts: int
    accepted_at: datetime | None  #: when the provider took it
    recipients: Sequence[str]
    error: str | None  #: the last error, or why it was suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertShown:
    """An alert that is or was open."""

    alert_id: int
    host: str
    group: str | None
    code: str
    subject: str
    state: AlertState
    severity: Severity
    first_bad_slot_at: datetime
    last_good_slot_at: datetime | None  #: before it began; None if unknown
    opened_at: datetime
    closed_at: datetime | None
    value: float | None  #: in `unit`, as found last
    peak_value: float | None
    limit: float | None
    unit: str
    reason: str
    flapping_since_at: datetime | None
    acknowledgement: Acknowledgement | None
    notices: Sequence[Notice]


def read_alerts(
    connection: ReaderConnection, wanted: AlertFilter, *, limit: int, skip: int = 0
) -> list[AlertShown]:
    """At most `limit` of them: open ones first, worst first, then the newest."""
    rows = connection.execute(
        _statement("alerts_found"),
        {
            "state": wanted.state,
            "host": wanted.host,
            "group": wanted.group,
            "code": wanted.code,
            "severity": wanted.severity,
            "from_at": wanted.from_at,
            "to_at": wanted.to_at,
            "limit": limit,
            "skip": skip,
        },
    ).fetchall()
    return [_shown(row) for row in rows]


def count_open(connection: ReaderConnection) -> int:
    """How many alerts are open now."""
    row = connection.execute(_statement("count_open")).fetchone()
    return int(row[0]) if row else 0


def _shown(row: Sequence[Any]) -> AlertShown:
    (alert_id, host, group, code, subject, state, severity, *rest) = row
    (first_bad_slot_at, last_good_slot_at, opened_at, closed_at) = rest[:4]
    (value, peak_value, limit, unit, reason) = rest[4:9]
    (flapping_since_at, by, at, until_at, note, notices) = rest[9:]
    return AlertShown(
        alert_id=alert_id,
        host=host,
        group=group,
        code=code,
        subject=subject,
        state=AlertState(state),
        severity=Severity(severity),
        first_bad_slot_at=first_bad_slot_at,
        last_good_slot_at=last_good_slot_at,
        opened_at=opened_at,
        closed_at=closed_at,
        value=value,
        peak_value=peak_value,
        limit=limit,
        unit=unit,
        reason=reason,
        flapping_since_at=flapping_since_at,
        acknowledgement=None
        if by is None
        else Acknowledgement(by=by, at=at, until_at=until_at, note=note or ""),
        notices=[_notice(notice) for notice in orjson.loads(notices)],
    )


def _notice(found: dict[str, Any]) -> Notice:
    accepted_at = found["accepted_at"]
    return Notice(
        transition=found["transition"],
        at=datetime.fromisoformat(found["at"]),
        channel=found["channel"],
        state=found["state"],
        attempts=found["attempts"],
        accepted_at=None if accepted_at is None else datetime.fromisoformat(accepted_at),
        recipients=found["recipients"] or [],
        error=found["error"],
    )


def _statement(name: str) -> LiteralString:
    return load_queries("alert_reads")[name]
