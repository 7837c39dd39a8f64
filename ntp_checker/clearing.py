"""What may end an alert: the side of its limit a finding is on, or that it is watched no more. Pure.

A measured quantity has a unit and counts as clear only at some distance from its limit, so that
noise around the limit does not open and close an alert. A count has no unit and is clear as soon as
it is good; so is a state, which has no value.
"""

from enum import Enum, auto

from ntp_checker.model import (
    Alert,
    AlertKey,
    HasGps,
    Host,
    Judgement,
    Part,
    ProblemCode,
    Sample,
    Selection,
    Severity,
)

#: What chronyd says of a source that it might use.
_STATE_CODES = (ProblemCode.FALSETICKER, ProblemCode.SOURCE_JITTERY)
_SOURCE_CODES = (ProblemCode.SOURCE_UNREACHABLE, *_STATE_CODES)
_SELECTION_CODES = (
    ProblemCode.NO_SOURCES,
    ProblemCode.NO_SELECTED_SOURCE,
    ProblemCode.FEW_SOURCES,
)
#: Not judged while the clock runs free: there is nothing to measure by.
_MEASURED_CODES = (
    ProblemCode.STRATUM_HIGH,
    ProblemCode.OFFSET_HIGH,
    ProblemCode.ERROR_BOUND_HIGH,
    ProblemCode.REFERENCE_STALE,
    ProblemCode.FREQUENCY_HIGH,
    ProblemCode.SKEW_HIGH,
    ProblemCode.GPS_TIME_WRONG,
)
_RECEIVER_CODES = (
    ProblemCode.GPS_NO_FIX,
    ProblemCode.GPS_2D_FIX,
    ProblemCode.GPS_FEW_SATELLITES,
    ProblemCode.GPS_TIME_WRONG,
)
_GPS_CODES = (ProblemCode.GPS_UNAVAILABLE, ProblemCode.GPS_SILENT, *_RECEIVER_CODES)


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


def say_why_left(key: AlertKey, sample: Sample, settings: Host | None) -> str | None:
    """Why an alert without a Judgement in this look can have none any more; None where it can.

    Its subject left: it was there once, and this look, which could see it, did not. Or its rule is
    switched off for good by the host's present settings, and what the host is. What could not be
    had is no reason. Without settings nothing is switched off.
    """
    if _is_unlisted(key, sample):
        return f"{key.subject} is no longer watched: the host does not list it any more"
    if key.code in _STATE_CODES and _is_noselect(key.subject, sample):
        return f"{key.subject} is no longer watched: chronyd is told not to use it (noselect)"
    why = None if settings is None else _say_what_is_off(key, sample, settings)
    return None if why is None else f"no longer watched: {why}"


def _say_what_is_off(key: AlertKey, sample: Sample, settings: Host) -> str | None:
    """How the settings keep this rule from ever having something to say again."""
    is_of_gps = key.code in _GPS_CODES or (
        key.code is ProblemCode.PROBE_FAILED and key.subject == Part.GPS
    )
    if is_of_gps and settings.has_gps is HasGps.NO:
        return "by its settings the host has no GPS"
    if settings.limits.local_reference_judged:
        return None
    if key.code is ProblemCode.LOCAL_REFERENCE:
        return "by its settings the host may run on its local reference"
    if sample.sources != ():
        return None
    if key.code in _SELECTION_CODES:
        return "by its settings the host needs no sources, and has none"
    if key.code in _MEASURED_CODES and sample.tracking is not None and sample.tracking.is_local:
        return "the clock runs free, and has nothing to be measured by"
    return None


def _is_unlisted(key: AlertKey, sample: Sample) -> bool:
    if key.code in _SOURCE_CODES:
        return sample.sources is not None and all(
            source.address != key.subject for source in sample.sources
        )
    if key.code in _RECEIVER_CODES and key.subject and sample.gps_devices:
        return all(device.device != key.subject for device in sample.gps_devices)
    return False


def _is_noselect(address: str, sample: Sample) -> bool:
    return any(
        source.address == address and source.selection is Selection.NOSELECT
        for source in sample.sources or ()
    )
