"""Puts alerts and what was sent of them into a database through SQL: no checker is involved."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

_ADD_ALERT = """
INSERT INTO metrics.alert (host_id, code, subject, state, severity, first_bad_slot_at, last_slot_at,
                           last_good_slot_at, opened_at, closed_at, last_ordinal, value, peak_value, limit_value, unit,
                           reason, acknowledged_by, acknowledged_at, acknowledged_note, lease_epoch)
VALUES ((SELECT host_id FROM metrics.host WHERE name = %(host)s), %(code)s, %(subject)s, %(state)s, %(severity)s, %(began_at)s, %(began_at)s,
       %(last_good_at)s, %(opened_at)s, %(closed_at)s, 1, %(value)s, %(peak)s, %(limit)s, %(unit)s, %(reason)s,
       %(acknowledged_by)s, CASE WHEN %(acknowledged_by)s::text IS NOT NULL THEN %(opened_at)s::timestamptz END,
        %(note)s, 1)
RETURNING alert_id, host_id
"""
_ADD_EVENT = """
INSERT INTO metrics.alert_event (event_id, alert_id, host_id, code, subject, transition, ordinal,
                                 slot_at, severity, reason)
VALUES (%s, %s, %s, %s, %s, 'opened', 1, %s, %s, %s)
"""
_ADD_MESSAGE = """
INSERT INTO metrics.message (message_id, channel, recipients, title, body, accepted_at)
VALUES (%s, %s, '{ops@example.org}', 'title', 'body', %s)
"""
_ADD_NOTIFICATION = """
INSERT INTO metrics.notification (event_id, channel, state, attempts, message_id, error_text)
VALUES (%s, %s, %s, 1, %s, %s)
"""
_ADD_MANY = """
INSERT INTO metrics.alert (host_id, code, state, severity, first_bad_slot_at, last_slot_at, opened_at,
                           closed_at, last_ordinal, reason, lease_epoch)
SELECT host_id, 'offset_high', 'closed', 'critical', at, at, at, at + interval '1 minute', 1, %(reason)s, 1
  FROM metrics.host,
       generate_series(1, %(alerts)s) AS number,
       LATERAL (SELECT %(began_at)s::timestamptz - number * interval '1 minute') AS begun (at)
 WHERE name = %(host)s
"""
#: When the first of them began, unless said otherwise.
BEGAN_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@dataclass(kw_only=True)
class AlertRow:
    """One alert to be inserted; the defaults are those of an open one that nobody was told of."""

    host: str
    code: str = "offset_high"
    subject: str = ""
    state: str = "open"
    severity: str = "critical"
    began_at: datetime = BEGAN_AT
    last_good_at: datetime | None = None
    value: float | None = 0.25
    peak: float | None = 0.3
    limit: float | None = 0.05
    unit: str = "s"
    reason: str = "clock is 250 ms ahead, limit 50 ms"
    acknowledged_by: str | None = None
    note: str | None = None


@dataclass(kw_only=True)
class NoticeRow:
    """What came of telling its opening to one channel."""

    channel: str = "mail"
    state: str = "accepted"
    error: str | None = None


def add_alert(conn: psycopg.Connection[tuple[Any, ...]], row: AlertRow, *notices: NoticeRow) -> int:
    """Its number. The host must be there."""
    opened_at = row.began_at + timedelta(minutes=1)
    closed_at = opened_at + timedelta(minutes=30) if row.state == "closed" else None
    found = conn.execute(
        _ADD_ALERT,
        {
            **vars(row),
            "opened_at": None if row.state == "pending" else opened_at,
            "closed_at": closed_at,
        },
    ).fetchone()
    assert found is not None, f"there is no host {row.host}"
    alert_id, host_id = found
    event_id = uuid.uuid4()
    conn.execute(
        _ADD_EVENT,
        (event_id, alert_id, host_id, row.code, row.subject, opened_at, row.severity, row.reason),
    )
    for notice in notices:
        accepted_at = opened_at if notice.state == "accepted" else None
        message_id = uuid.uuid4()
        conn.execute(_ADD_MESSAGE, (message_id, notice.channel, accepted_at))
        conn.execute(
            _ADD_NOTIFICATION, (event_id, notice.channel, notice.state, message_id, notice.error)
        )
    conn.commit()
    return int(alert_id)


def add_many(
    conn: psycopg.Connection[tuple[Any, ...]], host: str, alerts: int, *, reason: str = "x"
) -> None:
    """So many that are closed, a minute apart, of which nobody was told. The host must be there."""
    conn.execute(
        _ADD_MANY, {"host": host, "alerts": alerts, "reason": reason, "began_at": BEGAN_AT}
    )
    conn.commit()
