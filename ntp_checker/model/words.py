"""The words that are numbers in the database and text everywhere else."""

from enum import StrEnum


class Leap(StrEnum):
    """Leap status. Source: chronyc(1), "tracking"."""

    NORMAL = "normal"
    INSERT_SECOND = "insert_second"
    DELETE_SECOND = "delete_second"
    NOT_SYNCHRONISED = "not_synchronised"


class SourceMode(StrEnum):
    """What a source is: chronyc's `^`, `=`, `#`."""

    SERVER = "server"
    PEER = "peer"
    REFCLOCK = "refclock"


class SourceState(StrEnum):
    """What chronyd makes of a source: chronyc's `*`, `+`, `-`, `?`, `x`, `~`."""

    SELECTED = "selected"
    COMBINED = "combined"
    SELECTABLE = "selectable"
    UNUSABLE = "unusable"
    FALSETICKER = "falseticker"
    JITTERY = "jittery"


class Selection(StrEnum):
    """Why chronyd does or does not follow a source. Source: chronyc(1), "selectdata", S."""

    NOSELECT = "noselect"
    UNSYNCHRONISED = "unsynchronised"
    FEW_SAMPLES = "few_samples"
    DISTANT = "distant"
    JITTERY = "jittery"
    WAITS_FOR_SAMPLES = "waits_for_samples"
    STALE = "stale"
    ORPHAN = "orphan"
    NOT_TRUSTED = "not_trusted"
    FALSETICKER = "falseticker"
    WAITS_FOR_SOURCES = "waits_for_sources"
    NOT_PREFERRED = "not_preferred"
    WAITS_FOR_UPDATE = "waits_for_update"
    TOO_DISTANT_TO_COMBINE = "too_distant_to_combine"
    COMBINED = "combined"
    SELECTED = "selected"


class GpsMode(StrEnum):
    """TPV `mode` 0 to 3. Source: gpsd_json(5)."""

    UNKNOWN = "unknown"
    NO_FIX = "no_fix"
    FIX_2D = "fix_2d"
    FIX_3D = "fix_3d"


class HasGps(StrEnum):
    """Whether the GPS part of a host is judged; `auto` becomes `yes` and never falls back."""

    YES = "yes"
    NO = "no"
    AUTO = "auto"


class Role(StrEnum):
    """What a host is for; picks its default limits."""

    SERVER = "server"
    GPS_SERVER = "gps_server"
    ISOLATED = "isolated"


class Severity(StrEnum):
    """How bad a problem is. INFO makes neither an alert nor a status."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Status(StrEnum):
    """A host's state. UNKNOWN is "could not be judged": never green, never "clock is bad"."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Part(StrEnum):
    """The parts of a look; each fails on its own."""

    LOGIN = "login"
    TRACKING = "tracking"
    SOURCES = "sources"
    GPS = "gps"


class FailureKind(StrEnum):
    """Why a part could not be had. The last three are slots nobody looked at."""

    UNREACHABLE = "unreachable"
    HOST_KEY = "host_key"
    AUTH = "auth"
    COMMAND = "command"
    CHRONYD_DOWN = "chronyd_down"
    DEADLINE = "deadline"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    MISSED = "missed"
    DROPPED = "dropped"
    REJECTED = "rejected"


class ProblemCode(StrEnum):
    """Stable names of what can be wrong; each has a rule, a default limit and a runbook entry."""

    UNSYNCHRONISED = "unsynchronised"
    NO_SOURCES = "no_sources"
    NO_SELECTED_SOURCE = "no_selected_source"
    FEW_SOURCES = "few_sources"
    SOURCE_UNREACHABLE = "source_unreachable"
    FALSETICKER = "falseticker"
    SOURCE_JITTERY = "source_jittery"
    STRATUM_HIGH = "stratum_high"
    OFFSET_HIGH = "offset_high"
    ERROR_BOUND_HIGH = "error_bound_high"
    REFERENCE_STALE = "reference_stale"
    LOCAL_REFERENCE = "local_reference"
    FREQUENCY_HIGH = "frequency_high"
    SKEW_HIGH = "skew_high"
    LEAP_PENDING = "leap_pending"
    GPS_UNAVAILABLE = "gps_unavailable"
    GPS_SILENT = "gps_silent"
    GPS_NO_FIX = "gps_no_fix"
    GPS_2D_FIX = "gps_2d_fix"
    GPS_FEW_SATELLITES = "gps_few_satellites"
    GPS_TIME_WRONG = "gps_time_wrong"
    CHRONYD_DOWN = "chronyd_down"
    HOST_UNREACHABLE = "host_unreachable"
    LOGIN_REFUSED = "login_refused"
    PROBE_FAILED = "probe_failed"
    HOST_KEY_CHANGED = "host_key_changed"
    DISAGREES_WITH_FLEET = "disagrees_with_fleet"
    CHECKER_BLIND = "checker_blind"
    CHECKER_CLOCK_WRONG = "checker_clock_wrong"
    CHANNEL_DEAD = "channel_dead"
    SPOOL_BACKLOG = "spool_backlog"
    OUTBOX_BACKLOG = "outbox_backlog"
    PARTITIONS_MISSING = "partitions_missing"


#: About the checker itself: on host `*`, found by no look at a host, and no host's status.
OWN_CODES = frozenset(
    {
        ProblemCode.CHECKER_BLIND,
        ProblemCode.CHECKER_CLOCK_WRONG,
        ProblemCode.CHANNEL_DEAD,
        ProblemCode.SPOOL_BACKLOG,
        ProblemCode.OUTBOX_BACKLOG,
        ProblemCode.PARTITIONS_MISSING,
    }
)
