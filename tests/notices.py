"""Notices for tests: one host whose clock is 250 ms ahead, with everything told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from ntp_checker.message import AlertNotice, OutgoingMessage, SampleLine, compose
from ntp_checker.model import (
    AlertKey,
    ProblemCode,
    Severity,
    Status,
    Transition,
    TransitionKind,
)

BEGUN_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW = BEGUN_AT + timedelta(minutes=2)
PUBLIC_URL = "https://ntp.example.org"
_NAMESPACE = UUID("00000000-0000-0000-0000-00000000beef")


def make_notice(
    host: str = "gps1",
    code: ProblemCode = ProblemCode.OFFSET_HIGH,
    subject: str = "",
    kind: TransitionKind = TransitionKind.OPENED,
    severity: Severity = Severity.CRITICAL,
    reason: str = "clock is 250 ms ahead, limit 50 ms",
    ordinal: int = 1,
    **more: object,
) -> AlertNotice:
    """`more` are further fields of the AlertNotice."""
    transition = Transition(
        event_id=uuid5(_NAMESPACE, repr((host, code, subject, kind, ordinal))),
        key=AlertKey(host=host, code=code, subject=subject),
        kind=kind,
        ordinal=ordinal,
        first_bad_slot_at=BEGUN_AT,
        slot_at=BEGUN_AT + timedelta(minutes=ordinal),
        severity=severity,
        value=0.25,
        limit=0.05,
        unit="s",
        reason=reason,
    )
    samples = tuple(
        SampleLine(
            taken_at=BEGUN_AT + timedelta(seconds=10 * number),
            status=Status.CRITICAL if number > 1 else Status.OK,
            offset_s=0.25 if number > 1 else 12e-6,
            error_bound_s=0.2502 if number > 1 else 240e-6,
        )
        for number in range(5)
    )
    notice = AlertNotice(
        transition=transition,
        group="Berlin",
        peak_value=0.31,
        last_good_slot_at=BEGUN_AT - timedelta(seconds=10),
        selected_source="PPS, refclock, stratum 0",
        gps="3D fix, 11 of 16 satellites, HDOP 0.8",
        changes_before=("source 192.0.2.7 became a falseticker", "PPS lost and found again"),
        samples=samples,
    )
    return replace(notice, **more)  # type: ignore[arg-type]  # checked by AlertNotice


def make_message(*notices: AlertNotice) -> OutgoingMessage:
    """The message on these notices, or on the usual one."""
    return compose(notices or (make_notice(),), public_url=PUBLIC_URL, now=NOW)
