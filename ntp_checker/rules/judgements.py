"""How a finding becomes a Judgement; shared by all rules."""

from collections.abc import Callable

from ntp_checker.model import Judgement, ProblemCode, Severity, Status

_STATUS_OF = {
    None: Status.OK,
    Severity.INFO: Status.OK,
    Severity.WARNING: Status.WARNING,
    Severity.CRITICAL: Status.CRITICAL,
}


def judge_state(
    code: ProblemCode, severity: Severity | None, text: str, subject: str = ""
) -> Judgement:
    """A state that is good (severity None) or not; nothing is measured."""
    return Judgement(
        code=code, subject=subject, severity=severity, status=_STATUS_OF[severity], text=text
    )


def judge_at_least(
    code: ProblemCode, count: int, wanted: int, severity: Severity, text: str, subject: str = ""
) -> Judgement:
    """A count that is good from `wanted` on."""
    found = severity if count < wanted else None
    return Judgement(
        code=code,
        subject=subject,
        value=count,
        limit=wanted,
        severity=found,
        status=_STATUS_OF[found],
        text=text,
    )


def judge_quantity(
    code: ProblemCode,
    value: float,
    *,
    warning: float,
    critical: float | None,
    unit: str,
    say: Callable[[float], str],
) -> Judgement:
    """A measured quantity, 0 or more, that is good up to and including `warning`.

    `say` makes the sentence from the limit in force.
    """
    severity: Severity | None = None
    limit = warning
    if critical is not None and value > critical:
        severity, limit = Severity.CRITICAL, critical
    elif value > warning:
        severity = Severity.WARNING
    return Judgement(
        code=code,
        value=value,
        limit=limit,
        unit=unit,
        severity=severity,
        status=_STATUS_OF[severity],
        text=say(limit),
    )


def judge_blindness(code: ProblemCode, text: str, subject: str = "") -> Judgement:
    """We could not look: critical to whoever is responsible, but the host's status is unknown."""
    return Judgement(
        code=code,
        subject=subject,
        severity=Severity.CRITICAL,
        status=Status.UNKNOWN,
        text=text,
    )
