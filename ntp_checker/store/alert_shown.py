"""An alert and what was told of it, as the dashboard and the commands read them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from ntp_checker.model import Acknowledgement, AlertState, Severity


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
    event_id: UUID | None  #: of its first transition, or of the one that was asked for
    notices: Sequence[Notice]
    silenced_until_at: datetime | None = None  #: while it is open and a silence covers it

    def taken_on_at(self, now_at: datetime) -> Acknowledgement | None:
        """Who has it now: nobody after its end, or after it was given back. Of a closed one who had it."""
        taken_on = self.acknowledgement
        is_over = taken_on and taken_on.until_at is not None and taken_on.until_at <= now_at
        return None if is_over and self.state is AlertState.OPEN else taken_on


def shown_from_row(row: Sequence[Any]) -> AlertShown:
    """From the columns of `alerts_found`, in their order."""
    (alert_id, host, group, code, subject, state, severity, *rest) = row
    (first_bad_slot_at, last_good_slot_at, opened_at, closed_at) = rest[:4]
    (value, peak_value, limit, unit, reason) = rest[4:9]
    (flapping_since_at, by, at, until_at, note, event_id, notices) = rest[9:]
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
        event_id=event_id,
        notices=[notice_from_json(notice) for notice in orjson.loads(notices)],
    )


def notice_from_json(found: dict[str, Any]) -> Notice:
    """From an object of the column `notices`."""
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
