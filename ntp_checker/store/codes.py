"""Numbers that stand for words in `metrics.ntp_parent`: fixed for ever, new words at the end.

The view `metrics.ntp` and the function `metrics.problem_words` spell out the same tables.
"""

from collections.abc import Iterable

from ntp_checker.model import (
    FailureKind,
    GpsMode,
    Leap,
    Part,
    ProblemCode,
    SourceMode,
    SourceState,
    Status,
)

STATUS_NUMBER: dict[Status, int] = {
    Status.OK: 0,
    Status.WARNING: 1,
    Status.CRITICAL: 2,
    Status.UNKNOWN: 3,
}

PART_NUMBER: dict[Part, int] = {
    Part.LOGIN: 0,
    Part.TRACKING: 1,
    Part.SOURCES: 2,
    Part.GPS: 3,
}

FAILURE_KIND_NUMBER: dict[FailureKind, int] = {
    FailureKind.UNREACHABLE: 0,
    FailureKind.HOST_KEY: 1,
    FailureKind.AUTH: 2,
    FailureKind.COMMAND: 3,
    FailureKind.CHRONYD_DOWN: 4,
    FailureKind.DEADLINE: 5,
    FailureKind.MALFORMED: 6,
    FailureKind.TOO_LARGE: 7,
    FailureKind.MISSED: 8,
    FailureKind.DROPPED: 9,
    FailureKind.REJECTED: 10,
}

LEAP_NUMBER: dict[Leap, int] = {
    Leap.NORMAL: 0,
    Leap.INSERT_SECOND: 1,
    Leap.DELETE_SECOND: 2,
    Leap.NOT_SYNCHRONISED: 3,
}

GPS_MODE_NUMBER: dict[GpsMode, int] = {
    GpsMode.UNKNOWN: 0,
    GpsMode.NO_FIX: 1,
    GpsMode.FIX_2D: 2,
    GpsMode.FIX_3D: 3,
}

#: of `metrics.source_change`
SOURCE_MODE_NUMBER: dict[SourceMode, int] = {
    SourceMode.SERVER: 0,
    SourceMode.PEER: 1,
    SourceMode.REFCLOCK: 2,
}

#: of `metrics.source_change`
SOURCE_STATE_NUMBER: dict[SourceState, int] = {
    SourceState.SELECTED: 0,
    SourceState.COMBINED: 1,
    SourceState.SELECTABLE: 2,
    SourceState.UNUSABLE: 3,
    SourceState.FALSETICKER: 4,
    SourceState.JITTERY: 5,
}

#: bit of each code in `warning_bits` and `critical_bits`; 0 to 62, the sign stays free. What no
#: look at one host can find (OWN_CODES, `disagrees_with_fleet`) is in no sample's row.
PROBLEM_BIT: dict[ProblemCode, int] = {
    ProblemCode.UNSYNCHRONISED: 0,
    ProblemCode.NO_SOURCES: 1,
    ProblemCode.NO_SELECTED_SOURCE: 2,
    ProblemCode.FEW_SOURCES: 3,
    ProblemCode.SOURCE_UNREACHABLE: 4,
    ProblemCode.FALSETICKER: 5,
    ProblemCode.SOURCE_JITTERY: 6,
    ProblemCode.STRATUM_HIGH: 7,
    ProblemCode.OFFSET_HIGH: 8,
    ProblemCode.ERROR_BOUND_HIGH: 9,
    ProblemCode.REFERENCE_STALE: 10,
    ProblemCode.LOCAL_REFERENCE: 11,
    ProblemCode.FREQUENCY_HIGH: 12,
    ProblemCode.SKEW_HIGH: 13,
    ProblemCode.LEAP_PENDING: 14,
    ProblemCode.GPS_UNAVAILABLE: 15,
    ProblemCode.GPS_SILENT: 16,
    ProblemCode.GPS_NO_FIX: 17,
    ProblemCode.GPS_2D_FIX: 18,
    ProblemCode.GPS_FEW_SATELLITES: 19,
    ProblemCode.GPS_TIME_WRONG: 20,
    ProblemCode.CHRONYD_DOWN: 21,
    ProblemCode.HOST_UNREACHABLE: 22,
    ProblemCode.LOGIN_REFUSED: 23,
    ProblemCode.PROBE_FAILED: 24,
    ProblemCode.HOST_KEY_CHANGED: 25,
}


def problem_bits(codes: Iterable[ProblemCode]) -> int:
    """One bit per code; the same code on several subjects is one bit."""
    bits = 0
    for code in codes:
        bits |= 1 << PROBLEM_BIT[code]
    return bits
