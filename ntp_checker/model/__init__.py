"""The types a sample is made of, from the SSH bytes to the chart. Standard library only.

Missing is None, never 0, -1 or "".
"""

from ntp_checker.model.alert import (
    Acknowledgement,
    Alert,
    AlertKey,
    AlertPolicy,
    AlertState,
    Transition,
    TransitionKind,
)
from ntp_checker.model.host import DEFAULT_LIMITS, Host, Limits
from ntp_checker.model.sample import (
    Capture,
    Failure,
    GpsDevice,
    GpsReport,
    Sample,
    Satellite,
    Source,
    SourceStats,
    Tracking,
)
from ntp_checker.model.verdict import (
    Evidence,
    JudgedSample,
    Judgement,
    RawText,
    Verdict,
    worst_status,
)
from ntp_checker.model.words import (
    FailureKind,
    GpsMode,
    HasGps,
    Leap,
    Part,
    ProblemCode,
    Role,
    Selection,
    Severity,
    SourceMode,
    SourceState,
    Status,
)

__all__ = [
    "DEFAULT_LIMITS",
    "Acknowledgement",
    "Alert",
    "AlertKey",
    "AlertPolicy",
    "AlertState",
    "Capture",
    "Evidence",
    "Failure",
    "FailureKind",
    "GpsDevice",
    "GpsMode",
    "GpsReport",
    "HasGps",
    "Host",
    "JudgedSample",
    "Judgement",
    "Leap",
    "Limits",
    "Part",
    "ProblemCode",
    "RawText",
    "Role",
    "Sample",
    "Satellite",
    "Selection",
    "Severity",
    "Source",
    "SourceMode",
    "SourceState",
    "SourceStats",
    "Status",
    "Tracking",
    "Transition",
    "TransitionKind",
    "Verdict",
    "worst_status",
]
