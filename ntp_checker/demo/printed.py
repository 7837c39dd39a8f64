"""A simulated sample as chronyc and gpspipe would have printed it: the raw text beside it. Pure.

Source: chronyc(1) with -c, gpsd_json(5). What the parsers make of it is the sample again.
"""

from datetime import datetime

import orjson

from ntp_checker.model import (
    GpsMode,
    GpsReport,
    Leap,
    RawText,
    Sample,
    Source,
    SourceMode,
    SourceState,
    Tracking,
)
from ntp_checker.parse.chrony import NEVER_HEARD

_LEAPS = {
    Leap.NORMAL: "Normal",
    Leap.INSERT_SECOND: "Insert second",
    Leap.DELETE_SECOND: "Delete second",
    Leap.NOT_SYNCHRONISED: "Not synchronised",
}
_MODES = {SourceMode.SERVER: "^", SourceMode.PEER: "=", SourceMode.REFCLOCK: "#"}
_STATES = {
    SourceState.SELECTED: "*",
    SourceState.COMBINED: "+",
    SourceState.SELECTABLE: "-",
    SourceState.UNUSABLE: "?",
    SourceState.FALSETICKER: "x",
    SourceState.JITTERY: "~",
}
_TPV_MODES = {GpsMode.UNKNOWN: 0, GpsMode.NO_FIX: 1, GpsMode.FIX_2D: 2, GpsMode.FIX_3D: 3}
#: sourcestats of a source without a regression. Captured from chrony 4.3.
_NO_STATS_S = 4.0


def print_sample(sample: Sample) -> RawText | None:
    """What the host printed at this look; None if nobody could log in."""
    if sample.tracking is None or sample.sources is None or sample.taken_at is None:
        return None
    reports = {
        "date": _epoch(sample.host_time_at),
        "tracking": print_tracking(sample.tracking),
        "sources": print_sources(sample.sources),
        "sourcestats": print_sourcestats(sample.sources),
    }
    return RawText(
        taken_at=sample.taken_at,
        chrony_text="".join(f"# {name}\n{text}\n" for name, text in reports.items()),
        gps_text=None if sample.gps is None else print_gps(sample.gps),
    )


def print_tracking(tracking: Tracking) -> str:
    """One line of `chronyc -c tracking`; System time is positive when the clock is slow."""
    fields = (
        tracking.refid,
        tracking.ref_name or "",
        str(tracking.stratum),
        _epoch(tracking.ref_time),
        f"{-tracking.system_offset_s:.9f}",
        f"{tracking.last_offset_s:.9f}",
        f"{tracking.rms_offset_s:.9f}",
        f"{tracking.freq_ppm:.3f}",
        f"{tracking.resid_freq_ppm:.3f}",
        f"{tracking.skew_ppm:.3f}",
        f"{tracking.root_delay_s:.9f}",
        f"{tracking.root_dispersion_s:.9f}",
        f"{tracking.update_interval_s:.1f}",
        _LEAPS[tracking.leap],
    )
    return ",".join(fields)


def print_sources(sources: tuple[Source, ...]) -> str:
    """`chronyc -c sources`: a source that was never heard prints zeros."""
    return "\n".join(
        ",".join(
            (
                _MODES[source.mode],
                _STATES[source.state],
                source.address,
                str(source.stratum),
                str(source.poll_log2_s),
                f"{source.reach:o}",
                str(NEVER_HEARD if source.last_rx_s is None else source.last_rx_s),
                f"{source.offset_s or 0.0:.9f}",
                f"{source.measured_offset_s or 0.0:.9f}",
                f"{source.error_s or 0.0:.9f}",
            )
        )
        for source in sources
    )


def print_sourcestats(sources: tuple[Source, ...]) -> str:
    """`chronyc -c sourcestats`; what we do not read of it is left at zero."""
    return "\n".join(
        f"{source.address},{source.samples or 0},{(source.samples or 0) // 2},0,0.000,0.000,"
        f"{source.offset_s or 0.0:.9f},"
        f"{_NO_STATS_S if source.std_dev_s is None else source.std_dev_s:.9f}"
        for source in sources
    )


def print_gps(report: GpsReport) -> str:
    """`gpspipe -w`, shortened to the newest TPV and SKY, and without a position."""
    lines: list[dict[str, object]] = [
        {"class": "VERSION", "release": "3.25"},
        {"class": "TPV", "device": report.device, "mode": _TPV_MODES[report.mode]},
    ]
    if report.time is not None:
        lines[-1]["time"] = f"{report.time:%Y-%m-%dT%H:%M:%S}.000Z"
    if report.satellites:
        sky: dict[str, object] = {"class": "SKY", "device": report.device}
        if report.hdop is not None:
            sky |= {"hdop": report.hdop, "tdop": report.tdop}
        sky |= {"nSat": report.satellites_seen, "uSat": report.satellites_used}
        sky["satellites"] = [
            {
                "gnssid": satellite.gnssid,
                "svid": satellite.svid,
                "el": satellite.elevation_deg,
                "az": satellite.azimuth_deg,
                "ss": satellite.snr_dbhz,
                "used": satellite.used,
            }
            for satellite in report.satellites
        ]
        lines.append(sky)
    return "".join(f"{orjson.dumps(line).decode()}\n" for line in lines)


def _epoch(at: datetime | None) -> str:
    """Seconds with nine digits; 0 for never."""
    if at is None:
        return "0.000000000"
    return f"{int(at.timestamp() // 1)}.{at.microsecond:06d}000"
