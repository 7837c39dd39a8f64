"""Alerts and transitions as the statements of `alerts.sql` take and give them.

For the checker, whose connections are async, and for the dashboard and the commands, whose are not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ntp_checker.model import (
    Acknowledgement,
    Alert,
    AlertKey,
    AlertState,
    ProblemCode,
    Severity,
    Transition,
)


def alert_from_row(row: Sequence[Any]) -> Alert:
    """An alert from its columns, in the order `alerts.sql` names them from the host's name on."""
    (name, code, subject, state, severity, *times_and_counts) = row
    (first_bad_slot_at, last_slot_at, last_good_slot_at, opened_at, closed_at) = times_and_counts[
        :5
    ]
    (bad_in_a_row, good_in_a_row, last_ordinal) = times_and_counts[5:8]
    (value, peak_value, limit, unit, reason, changed_at) = times_and_counts[8:14]
    (flapping_since_at, reminded_at, by, at, until_at, note) = times_and_counts[14:]
    return Alert(
        key=AlertKey(host=name, code=ProblemCode(code), subject=subject),
        state=AlertState(state),
        severity=Severity(severity),
        first_bad_slot_at=first_bad_slot_at,
        last_slot_at=last_slot_at,
        last_good_slot_at=last_good_slot_at,
        opened_at=opened_at,
        closed_at=closed_at,
        bad_in_a_row=bad_in_a_row,
        good_in_a_row=good_in_a_row,
        last_ordinal=last_ordinal,
        value=value,
        peak_value=peak_value,
        limit=limit,
        unit=unit,
        reason=reason,
        changed_at=tuple(changed_at),
        flapping_since_at=flapping_since_at,
        reminded_at=reminded_at,
        acknowledgement=None
        if by is None
        else Acknowledgement(by=by, at=at, until_at=until_at, note=note or ""),
    )


def alert_to_row(host_id: int, lease_epoch: int, alert: Alert) -> dict[str, Any]:
    """An alert for `update_alerts` and `insert_alerts`."""
    taken_on = alert.acknowledgement
    return {
        "host_id": host_id,
        "code": alert.key.code,
        "subject": alert.key.subject,
        "state": alert.state,
        "severity": alert.severity,
        "first_bad_slot_at": alert.first_bad_slot_at,
        "last_slot_at": alert.last_slot_at,
        "last_good_slot_at": alert.last_good_slot_at,
        "opened_at": alert.opened_at,
        "closed_at": alert.closed_at,
        "bad_in_a_row": alert.bad_in_a_row,
        "good_in_a_row": alert.good_in_a_row,
        "last_ordinal": alert.last_ordinal,
        "value": alert.value,
        "peak_value": alert.peak_value,
        "limit_value": alert.limit,
        "unit": alert.unit,
        "reason": alert.reason,
        "changed_at": alert.changed_at,
        "flapping_since_at": alert.flapping_since_at,
        "reminded_at": alert.reminded_at,
        "acknowledged_by": None if taken_on is None else taken_on.by,
        "acknowledged_at": None if taken_on is None else taken_on.at,
        "acknowledged_until_at": None if taken_on is None else taken_on.until_at,
        "acknowledged_note": None if taken_on is None else taken_on.note,
        "lease_epoch": lease_epoch,
    }


def transition_to_row(host_id: int, transition: Transition) -> dict[str, Any]:
    """A transition for `insert_events`."""
    return {
        "event_id": transition.event_id,
        "host_id": host_id,
        "code": transition.key.code,
        "subject": transition.key.subject,
        "transition": transition.kind,
        "ordinal": transition.ordinal,
        "first_bad_slot_at": transition.first_bad_slot_at,
        "slot_at": transition.slot_at,
        "severity": transition.severity,
        "value": transition.value,
        "limit_value": transition.limit,
        "unit": transition.unit,
        "reason": transition.reason,
    }


def rows_as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """For a parameter that is read by jsonb_to_recordset.

    Raises ValueError for text that UTF-8 cannot carry.
    """
    return orjson.dumps(rows).decode()
