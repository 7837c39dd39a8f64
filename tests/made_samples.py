"""Samples of a healthy host, to be changed in the one place a test is about."""

from dataclasses import replace
from datetime import UTC, datetime

from ntp_checker.model import (
    Failure,
    FailureKind,
    GpsDevice,
    GpsMode,
    GpsReport,
    Leap,
    Part,
    Sample,
    Source,
    SourceMode,
    SourceState,
    Tracking,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

TRACKING = Tracking(
    refid="C0000201",
    ref_name="192.0.2.1",
    stratum=2,
    ref_time=NOW,
    system_offset_s=0.0,
    last_offset_s=0.0,
    rms_offset_s=0.0,
    freq_ppm=0.0,
    resid_freq_ppm=0.0,
    skew_ppm=0.0,
    root_delay_s=0.0,
    root_dispersion_s=0.0,
    update_interval_s=64.0,
    leap=Leap.NORMAL,
)

SOURCE = Source(
    mode=SourceMode.SERVER,
    state=SourceState.COMBINED,
    address="192.0.2.2",
    stratum=1,
    poll_log2_s=6,
    reach=0o377,
    last_rx_s=3,
    offset_s=0.0,
    measured_offset_s=0.0,
    error_s=0.001,
    std_dev_s=1e-5,
    samples=8,
)
SELECTED = replace(SOURCE, address="192.0.2.1", state=SourceState.SELECTED)
SOURCES = (SELECTED, SOURCE, replace(SOURCE, address="192.0.2.3"))

SAMPLE = Sample(
    host="ntp1",
    slot_at=NOW,
    taken_at=NOW,
    duration_s=0.01,
    host_time_at=NOW,
    tracking=TRACKING,
    sources=SOURCES,
)


def with_tracking(**changes: object) -> Sample:
    """The healthy sample with another tracking report."""
    return replace(SAMPLE, tracking=replace(TRACKING, **changes))  # type: ignore[arg-type]  # by name


def with_selected(**changes: object) -> Sample:
    """The healthy sample with another selected source."""
    selected = replace(SELECTED, **changes)  # type: ignore[arg-type]  # by name
    return replace(SAMPLE, sources=(selected, *SOURCES[1:]))


def with_source(**changes: object) -> Sample:
    """The healthy sample with another source that is not the selected one."""
    source = replace(SOURCE, **changes)  # type: ignore[arg-type]  # by name
    return replace(SAMPLE, sources=(SELECTED, source, SOURCES[2]))


def with_failure(part: Part, kind: FailureKind, stage: str = "run", detail: str = "why") -> Sample:
    """The healthy sample without a part that failed; no login, no parts."""
    failure = Failure(part=part, kind=kind, stage=stage, detail=detail)
    no_login = part is Part.LOGIN
    return replace(
        SAMPLE,
        failures=(failure,),
        host_time_at=None if no_login else NOW,
        tracking=None if no_login or part is Part.TRACKING else TRACKING,
        sources=None if no_login or part is Part.SOURCES else SOURCES,
    )


def gps_report(device: str = "/dev/ttyS0", **changes: object) -> GpsReport:
    """A report of a receiver with a good fix."""
    report = GpsReport(
        device=device,
        taken_at=NOW,
        age_s=1.0,
        mode=GpsMode.FIX_3D,
        time=NOW,
        satellites_used=8,
        satellites_seen=11,
        hdop=0.9,
        tdop=1.1,
    )
    return replace(report, **changes)  # type: ignore[arg-type]  # by name


def with_gps(*reports: GpsReport, failure: Failure | None = None) -> Sample:
    """The healthy sample with these receivers, best first."""
    devices = tuple(
        GpsDevice(
            device=report.device,
            mode=report.mode,
            time=report.time,
            time_lag_s=report.time_lag_s,
            satellites_used=report.satellites_used,
            satellites_seen=report.satellites_seen,
        )
        for report in reports
    )
    return replace(
        SAMPLE,
        gps=reports[0] if reports else None,
        gps_devices=devices,
        failures=() if failure is None else (failure,),
    )
