"""Judged samples for tests of what carries them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ntp_checker.model import (
    GpsMode,
    GpsReport,
    JudgedSample,
    Judgement,
    Leap,
    ProblemCode,
    Sample,
    Satellite,
    Severity,
    Source,
    SourceMode,
    SourceState,
    Status,
    Tracking,
    Verdict,
)

SLOT_AT = datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)


def tracking(**changed: Any) -> Tracking:
    """A good GPS server's report."""
    report = Tracking(
        refid="50505300",
        ref_name="PPS",
        stratum=1,
        ref_time=SLOT_AT - timedelta(seconds=3),
        system_offset_s=1.25e-7,
        last_offset_s=-2.5e-8,
        rms_offset_s=1e-6,
        freq_ppm=-12.345,
        resid_freq_ppm=0.001,
        skew_ppm=0.05,
        root_delay_s=0.001,
        root_dispersion_s=0.0002,
        update_interval_s=16.1,
        leap=Leap.NORMAL,
    )
    return replace(report, **changed)


def source(address: str = "PPS", **changed: Any) -> Source:
    """A selected reference clock."""
    line = Source(
        mode=SourceMode.REFCLOCK,
        state=SourceState.SELECTED,
        address=address,
        stratum=0,
        poll_log2_s=4,
        reach=255,
        last_rx_s=3,
        offset_s=1e-7,
        measured_offset_s=2e-7,
        error_s=1e-6,
        std_dev_s=3e-7,
        samples=8,
    )
    return replace(line, **changed)


def gps_report(**changed: Any) -> GpsReport:
    """A receiver with a 3D fix and two satellites."""
    report = GpsReport(
        device="/dev/ttyS0",
        taken_at=SLOT_AT - timedelta(seconds=1),
        age_s=1.2,
        mode=GpsMode.FIX_3D,
        time=SLOT_AT - timedelta(seconds=1),
        satellites_used=1,
        satellites_seen=2,
        hdop=0.8,
        tdop=0.6,
        satellites=(
            Satellite(
                gnssid=0, svid=5, used=True, snr_dbhz=41.0, elevation_deg=61.0, azimuth_deg=120.0
            ),
            Satellite(
                gnssid=6, svid=9, used=False, snr_dbhz=None, elevation_deg=None, azimuth_deg=None
            ),
        ),
    )
    return replace(report, **changed)


def judged_sample(host: str = "gps1", slot_at: datetime = SLOT_AT, **changed: Any) -> JudgedSample:
    """A whole look with everything in it and one problem; `changed` are fields of the sample."""
    sample = Sample(
        host=host,
        slot_at=slot_at,
        taken_at=slot_at + timedelta(milliseconds=11),
        duration_s=0.012,
        host_time_at=slot_at + timedelta(milliseconds=13),
        tracking=tracking(),
        sources=(
            source(),
            source("192.0.2.7", mode=SourceMode.SERVER, state=SourceState.FALSETICKER, reach=0),
        ),
        gps=gps_report(),
    )
    verdict = Verdict(
        status=Status.WARNING,
        error_bound_s=0.0007,
        judgements=(
            Judgement(
                code=ProblemCode.FALSETICKER,
                subject="192.0.2.7",
                severity=Severity.WARNING,
                status=Status.WARNING,
                text="192.0.2.7 is a falseticker",
            ),
            Judgement(code=ProblemCode.OFFSET_HIGH, value=1e-7, limit=1e-4, unit="s"),
        ),
    )
    return JudgedSample(sample=replace(sample, **changed), verdict=verdict)
