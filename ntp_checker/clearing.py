"""What may end an alert: on which side of its limit a finding is, or that its subject left. Pure.

A measured quantity has a unit and counts as clear only at some distance from its limit, so that
noise around the limit does not open and close an alert. A count has no unit and is clear as soon as
it is good; so is a state, which has no value.
"""

from enum import Enum, auto

from ntp_checker.model import Alert, AlertKey, Judgement, ProblemCode, Sample, Severity

_SOURCE_CODES = (
    ProblemCode.SOURCE_UNREACHABLE,
    ProblemCode.FALSETICKER,
    ProblemCode.SOURCE_JITTERY,
)
_RECEIVER_CODES = (
    ProblemCode.GPS_NO_FIX,
    ProblemCode.GPS_2D_FIX,
    ProblemCode.GPS_FEW_SATELLITES,
    ProblemCode.GPS_TIME_WRONG,
)


class Side(Enum):
    """Where a finding is. BETWEEN is good, but too near the limit to end an alert."""

    BAD = auto()
    BETWEEN = auto()
    CLEAR = auto()


def is_bad(judgement: Judgement) -> bool:
    """True for what makes an alert: INFO does not."""
    return judgement.severity is not None and judgement.severity is not Severity.INFO


def side_of(judgement: Judgement, clear_ratio: float) -> Side:
    """Where it is, seen from the limit that it was held against itself."""
    if is_bad(judgement):
        return Side.BAD
    if judgement.limit is None or _is_clear(judgement, judgement.limit, clear_ratio):
        return Side.CLEAR
    return Side.BETWEEN


def is_clear_of_critical(judgement: Judgement, alert: Alert, clear_ratio: float) -> bool:
    """True if a warning is far enough from the limit that made the alert critical.

    The alert keeps that limit while it is critical: a warning names its own only.
    """
    return alert.limit is None or _is_clear(judgement, alert.limit, clear_ratio)


def _is_clear(judgement: Judgement, limit: float, clear_ratio: float) -> bool:
    if judgement.value is None or not judgement.unit:
        return True
    # Sizes: a receiver's lag has a limit on either side of zero.
    return abs(judgement.value) <= clear_ratio * abs(limit)


def worse_value(peak: float | None, judgement: Judgement) -> float | None:
    """The worse of the worst so far and of a bad finding's value.

    The lower one where it is bad to be below the limit, else the one farther from zero.
    """
    value = judgement.value
    if peak is None or value is None:
        return peak if value is None else value
    is_too_low = judgement.limit is not None and abs(value) < abs(judgement.limit)
    return min(peak, value, key=abs) if is_too_low else max(peak, value, key=abs)


def has_left(key: AlertKey, sample: Sample) -> bool:
    """True if the subject was there once and this look, which could see it, did not."""
    if key.code in _SOURCE_CODES:
        return sample.sources is not None and all(
            source.address != key.subject for source in sample.sources
        )
    if key.code in _RECEIVER_CODES and key.subject and sample.gps_devices:
        return all(device.device != key.subject for device in sample.gps_devices)
    return False
