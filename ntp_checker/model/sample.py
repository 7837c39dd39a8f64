"""What a look is made of, from the bytes of a command to the Sample.

Every `*_offset_s` and `offset_s` is in seconds and positive when the host's clock is ahead of
NTP time; `freq_ppm` is positive when it runs fast.
"""

from dataclasses import dataclass
from datetime import datetime

from ntp_checker.model.words import (
    FailureKind,
    GpsMode,
    Leap,
    Part,
    Selection,
    SourceMode,
    SourceState,
)

#: refid of chronyd's own `local` reference, 127.127.1.1. Source: refclock numbering of NTP.
LOCAL_REFID = "7F7F0101"


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

    @property
    def is_local(self) -> bool:
        """True if the clock runs free and only looks synchronised (`local stratum N`)."""
        return self.refid == LOCAL_REFID


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
