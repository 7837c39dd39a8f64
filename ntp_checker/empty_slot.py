"""Samples for slots of which nothing can be told: no slot stays without a row."""

from datetime import datetime

from ntp_checker.model import (
    Failure,
    FailureKind,
    JudgedSample,
    Part,
    Sample,
    Status,
    Verdict,
)


def empty_slot(host: str, slot_at: datetime, kind: FailureKind, detail: str) -> JudgedSample:
    """A sample that says why there is none: `missed`, `dropped` or `rejected`, status unknown."""
    failure = Failure(part=Part.LOGIN, kind=kind, stage="store", detail=detail)
    return JudgedSample(
        sample=Sample(
            host=host, slot_at=slot_at, taken_at=None, duration_s=None, failures=(failure,)
        ),
        verdict=Verdict(status=Status.UNKNOWN, error_bound_s=None, judgements=()),
    )
