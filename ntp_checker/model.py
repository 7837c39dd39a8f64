"""The types a sample is made of, from the SSH bytes to the chart. Standard library only.

Every `*_offset_s` and `offset_s` is in seconds and positive when the host's clock is ahead of
NTP time; `freq_ppm` is positive when it runs fast. Missing is None, never 0, -1 or "".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What one command on a host printed."""

    output: bytes
    exit_status: int | None  #: None if it ended by a signal or its connection died


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """One `chronyc -c tracking` report."""

    refid: str  #: eight hex digits, upper case
    ref_name: str | None  #: name or address of the reference; a refclock's refid as text
    stratum: int  #: 1-15; 0 while not synchronised
    ref_time: datetime | None  #: last clock update, in NTP time; None if never
    system_offset_s: float  #: positive = clock ahead of NTP time (chronyc prints it reversed)
    last_offset_s: float  #: offset at the last clock update
    rms_offset_s: float  #: long-term average of the offset's size
    freq_ppm: float  #: positive = the clock would run fast if not corrected
    resid_freq_ppm: float
    skew_ppm: float  #: error bound of freq_ppm
    root_delay_s: float
    root_dispersion_s: float
    update_interval_s: float
    leap: Leap


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStats:
    """One line of `chronyc -c sourcestats`, joined to its Source by address."""

    address: str
    samples: int  #: points in the regression, 0-64
    std_dev_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One line of `chronyc -c sources`, with its sourcestats."""

    mode: SourceMode
    state: SourceState
    address: str  #: address, or a refclock's refid
    stratum: int
    poll_log2_s: int  #: polling interval as a power of two; may be negative
    reach: int  #: reachability register, 0-255; bit 0 is the newest poll
    last_rx_s: int | None  #: age of the last good sample; None if never heard
    offset_s: float | None  #: adjusted for what the clock was slewed since; None without a sample
    measured_offset_s: float | None  #: as measured
    error_s: float | None  #: error margin, half width
    std_dev_s: float | None = None
    samples: int | None = None
    selection: Selection | None = None  #: None where the account may not ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Satellite:
    """One satellite of a SKY report."""

    gnssid: int | None  #: 0 GPS, 1 SBAS, 2 Galileo, 3 BeiDou, 5 QZSS, 6 GLONASS
    svid: int | None
    used: bool  #: in the navigation solution
    snr_dbhz: float | None  #: signal strength
    elevation_deg: float | None
    azimuth_deg: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpsReport:
    """What one receiver said last. Never a position: it is cut before this type exists."""

    device: str
    taken_at: datetime  #: when the checker read it
    age_s: float | None  #: age at the sample's slot; None until it is put into a Sample
    mode: GpsMode
    time: datetime | None  #: the receiver's own idea of UTC; may be wrong without a fix
    time_lag_s: float | None = (
        None  #: host's clock less `time` when the report came; the median of some
    )
    satellites_used: int | None
    satellites_seen: int | None
    hdop: float | None
    tdop: float | None
    satellites: tuple[Satellite, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GpsDevice:
    """One receiver among several, in short."""

    device: str
    mode: GpsMode
    time: datetime | None
    time_lag_s: float | None = None  #: as in GpsReport
    satellites_used: int | None
    satellites_seen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A part of a look that could not be had, and why."""

    part: Part
    kind: FailureKind
    stage: str  #: how far it had come, e.g. "connect", "run", "parse"
    detail: str  #: one sentence for people; control characters removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one look at one host found. A failed look is a Sample, too."""

    host: str  #: the host's unique name
    slot_at: datetime  #: the slot this look belongs to (UTC)
    taken_at: datetime | None  #: when the look began (UTC); None for a slot nobody looked at
    duration_s: float | None  #: how long the look took
    host_time_at: datetime | None = None  #: the host's own `date`, read within the look
    failures: tuple[Failure, ...] = ()
    tracking: Tracking | None = None
    sources: tuple[Source, ...] | None = None  #: None = not had; empty = none configured
    gps: GpsReport | None = None  #: highest mode, then most satellites used, then first by name
    gps_devices: tuple[GpsDevice, ...] = ()

    def failure_of(self, part: Part) -> Failure | None:
        """The failure of this part, if it failed."""
        return next((failure for failure in self.failures if failure.part is part), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is still good, for one host. Defaults are those of a plain NTP server or client."""

    offset_warning_s: float = 0.010
    offset_critical_s: float = 0.050
    error_bound_warning_s: float = 0.100
    error_bound_critical_s: float = 1.0
    stratum_warning: int = 4  #: above it
    sources_min: int = 3  #: usable sources wanted
    source_polls_min: int = 6  #: of the last 8
    reference_age_warning_ratio: float = 4.0  #: times the larger of update interval and poll
    reference_age_critical_ratio: float = 16.0
    frequency_warning_ppm: float = 100.0
    skew_warning_ppm: float = 100.0
    satellites_used_min: int = 4
    gps_time_lag_min_s: float = -0.1  #: of a receiver's report behind the second that it tells
    gps_time_lag_max_s: float = 1.0
    gps_severity: Severity = Severity.WARNING  #: of gps_unavailable and gps_silent
    local_reference_judged: bool = True


DEFAULT_LIMITS: dict[Role, Limits] = {
    Role.SERVER: Limits(),
    Role.ISOLATED: Limits(local_reference_judged=False),
    Role.GPS_SERVER: Limits(
        offset_warning_s=100e-6,
        offset_critical_s=1e-3,
        error_bound_warning_s=5e-3,
        error_bound_critical_s=50e-3,
        gps_severity=Severity.CRITICAL,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host that we watch."""

    name: str  #: unique; default: the address
    address: str  #: DNS name or IP address; "" for this machine (`local`)
    port: int = 22
    user: str | None = None  #: None: the account the checker runs as
    role: Role = Role.SERVER
    group: str | None = None  #: as named in the settings
    has_gps: HasGps = HasGps.AUTO
    limits: Limits = field(default_factory=Limits)

    @property
    def is_local(self) -> bool:
        """True for the machine the checker runs on: no SSH."""
        return self.address == ""

    @property
    def target(self) -> str:
        """`[user@]host[:port]` as it is written in the settings; IPv6 in brackets."""
        if self.is_local:
            return "local"
        host = f"[{self.address}]" if ":" in self.address else self.address
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port != 22 else ""
        return f"{user}{host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One rule's finding on one sample; a rule without data makes none."""

    code: ProblemCode
    subject: str = ""  #: source address, part or device; "" for the host itself
    value: float | None = None  #: what was found, in `unit`
    limit: float | None = None  #: what it was held against, in `unit`
    unit: str = ""  #: "s", "ppm", or "" for counts
    severity: Severity | None = None  #: None = good
    status: Status = Status.OK  #: what it makes of the host
    text: str = ""  #: one sentence for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All judgements on one sample, good ones too."""

    status: Status
    error_bound_s: float | None  #: abs(offset) + root dispersion + root delay / 2; None if unknown
    judgements: tuple[Judgement, ...]

    @property
    def problems(self) -> tuple[Judgement, ...]:
        """The judgements that found something, worst first."""
        return tuple(sorted((j for j in self.judgements if j.severity), key=_badness, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawText:
    """What a host's programs printed, for people to read; no control characters, no position."""

    taken_at: datetime
    chrony_text: str | None  #: None if there was no answer
    gps_text: str | None  #: newest read of the GPS channel; None without one


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one look saw, kept because the host's state changed with it or right after it."""

    slot_at: datetime
    taken_at: datetime
    raw: RawText | None  #: None if the host printed nothing
    login_text: str | None = None  #: why there was no login; None if there was one


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSample:
    """A sample with what the rules made of it: what is spooled, stored and shown."""

    sample: Sample
    verdict: Verdict
    raw: RawText | None = None  #: with some samples only: it is stored once a minute
    evidence: tuple[Evidence, ...] = ()  #: with a change of state: the look before it, and this one


_SEVERITY_ORDER = {None: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}
#: critical > unknown > warning > ok, for one host's problems and for a list of hosts alike
_STATUS_ORDER = {Status.OK: 0, Status.WARNING: 1, Status.UNKNOWN: 2, Status.CRITICAL: 3}


def _badness(judgement: Judgement) -> tuple[int, int]:
    return _SEVERITY_ORDER[judgement.severity], _STATUS_ORDER[judgement.status]


def worst_status(statuses: Sequence[Status]) -> Status:
    """The worst of these: critical > unknown > warning > ok. OK for none."""
    return max(statuses, key=_STATUS_ORDER.__getitem__, default=Status.OK)
