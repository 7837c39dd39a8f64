"""gpsd's JSON reports (`gpspipe -w`) -> GpsReports, one for each receiver.

Source: gpsd_json(5), 3.17 to 3.27. Only TPV and SKY are read; every attribute but `class` is
optional there. Positions and velocities are never taken over, so they can't leak further on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

import orjson

from ntp_checker.errors import CommandFailed, DeadlineMissed, MalformedOutput
from ntp_checker.model import GpsDevice, GpsMode, GpsReport, Satellite

_MODES = (GpsMode.UNKNOWN, GpsMode.NO_FIX, GpsMode.FIX_2D, GpsMode.FIX_3D)
_MODE_ORDER = {mode: order for order, mode in enumerate(_MODES)}

#: gpsd's own bounds: MAXCHANNELS is 184 in 3.27, and a report names a handful of devices.
MAX_SATELLITES = 512
MAX_DEVICES = 16
MAX_DEVICE_NAME = 255
MAX_DOP = 1e4

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
#: What `-uu` puts before each report: the host's date, and its time as seconds since 1970.
_STAMP = re.compile(rb"[0-9: -]{0,40} ([0-9]{1,11}\.[0-9]{6}): (?=\{)")
_FRACTION = re.compile(r"[0-9]*\.[0-9]*")

Json = object


@dataclass(slots=True)
class _Receiver:
    """What one device said so far; later reports replace earlier ones attribute by attribute."""

    mode: GpsMode | None = None
    time: datetime | None = None
    lags_s: list[float] = field(default_factory=list)
    sky: dict[str, Json] = field(default_factory=dict)


def parse_gps(output: bytes, taken_at: datetime) -> tuple[GpsReport, ...]:
    """The newest state of each receiver in `gpspipe -w` output, best receiver first.

    With `-uu` each report comes with the host's time in front; then it is known how far behind
    the second it tells it came. Best is: highest mode, then most satellites used, then first by name. `taken_at` is when the
    output was read. Raises CommandFailed (gpspipe's own complaint), DeadlineMissed (gpsd answers
    but no receiver reports), MalformedOutput.
    """
    receivers: dict[str, _Receiver] = {}
    answered = False
    for line in filter(None, map(bytes.strip, _whole_lines(output))):
        stamp = _STAMP.match(line)
        report = line[stamp.end() :] if stamp else line
        if not report.startswith(b"{"):
            _raise_complaint(report, answered)
        answered = True
        _take(_load(report), receivers, float(stamp[1]) if stamp else None)
    reports = [
        _report(device, receiver, taken_at)
        for device, receiver in receivers.items()
        if receiver.mode is not None
    ]
    if not reports:
        what = "gpsd answers, but no receiver reports" if answered else "gpsd says nothing"
        raise DeadlineMissed(what, stage="report")
    return tuple(sorted(reports, key=_rank))


def _whole_lines(output: bytes) -> list[bytes]:
    """Lines, without a last one that was cut: gpspipe stops in mid-report when its time is over."""
    whole, newline, _ = output.rpartition(b"\n")
    return (whole if newline else output).split(b"\n")


def as_device(report: GpsReport) -> GpsDevice:
    """The short form in which all receivers of a host are listed."""
    return GpsDevice(
        device=report.device,
        mode=report.mode,
        time=report.time,
        time_lag_s=report.time_lag_s,
        satellites_used=report.satellites_used,
        satellites_seen=report.satellites_seen,
    )


def _rank(report: GpsReport) -> tuple[int, int, str]:
    return -_MODE_ORDER[report.mode], -(report.satellites_used or 0), report.device


def _raise_complaint(line: bytes, answered: bool) -> None:
    if answered:
        raise MalformedOutput("gpsd report", _without_position(line))
    text = line[:200].decode("ascii", "backslashreplace")
    raise CommandFailed(f"gpspipe says: {text}", stage="ask")


def _without_position(line: bytes) -> str:
    """A broken line for an error's text, where any fraction may be a piece of a position."""
    return _FRACTION.sub("#", line[:1000].decode("ascii", "backslashreplace"))


def _load(line: bytes) -> Mapping[str, Json]:
    try:
        report = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise MalformedOutput("gpsd report", _without_position(line)) from None
    if not isinstance(report, dict):
        raise MalformedOutput("gpsd report", _shown(report))
    return report


def _take(
    report: Mapping[str, Json], receivers: dict[str, _Receiver], heard_s: float | None
) -> None:
    kind = report.get("class")
    if kind == "ERROR":
        raise CommandFailed(f"gpsd says: {_shown(report.get('message'))}", stage="ask")
    if kind not in ("TPV", "SKY"):
        return
    device = _device(report.get("device", ""))
    if device not in receivers and len(receivers) >= MAX_DEVICES:
        raise MalformedOutput("gpsd device", f"more than {MAX_DEVICES} devices")
    receiver = receivers.setdefault(device, _Receiver())
    if kind == "SKY":
        # gpsd 3.22+ splits one sky over several SKY reports: DOPs here, satellites there.
        receiver.sky.update(report)
        return
    receiver.mode = _MODES[_whole("TPV mode", report.get("mode", 0), 0, 3)]
    receiver.time = _time(report.get("time"))
    if receiver.time is not None and heard_s is not None:
        receiver.lags_s.append(heard_s - receiver.time.timestamp())


def _report(device: str, receiver: _Receiver, taken_at: datetime) -> GpsReport:
    sky = receiver.sky
    listed = _satellites(sky.get("satellites"))
    used = _optional_whole("SKY uSat", sky.get("uSat"))
    seen = _optional_whole("SKY nSat", sky.get("nSat"))
    if listed is not None:  # older gpsd has neither uSat nor nSat
        used = sum(satellite.used for satellite in listed) if used is None else used
        seen = len(listed) if seen is None else seen
    return GpsReport(
        device=device,
        taken_at=taken_at,
        age_s=None,
        mode=receiver.mode or GpsMode.UNKNOWN,
        time=receiver.time,
        time_lag_s=round(median(receiver.lags_s), 6) if receiver.lags_s else None,
        satellites_used=used,
        satellites_seen=seen,
        hdop=_optional_number("SKY hdop", sky.get("hdop"), 0.0, MAX_DOP),
        tdop=_optional_number("SKY tdop", sky.get("tdop"), 0.0, MAX_DOP),
        satellites=listed or (),
    )


def _satellites(value: Json) -> tuple[Satellite, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_SATELLITES:
        raise MalformedOutput("SKY satellites", _shown(value))
    return tuple(_satellite(entry) for entry in value)


def _satellite(entry: Json) -> Satellite:
    if not isinstance(entry, dict):
        raise MalformedOutput("SKY satellite", _shown(entry))
    used = entry.get("used", False)
    if not isinstance(used, bool):
        raise MalformedOutput("satellite used", _shown(used))
    return Satellite(
        gnssid=_optional_whole("satellite gnssid", entry.get("gnssid")),
        svid=_optional_whole("satellite svid", entry.get("svid", entry.get("PRN"))),
        used=used,
        snr_dbhz=_reading("satellite ss", entry.get("ss"), 0.0, 254.0),
        elevation_deg=_reading("satellite el", entry.get("el"), -90.0, 90.0),
        azimuth_deg=_reading("satellite az", entry.get("az"), 0.0, 360.0),
    )


def _shown(value: Json) -> str:
    """A value for an error's text; a nested one by its kind: repr() fails on deep ones."""
    if isinstance(value, list | dict):
        return "a JSON array" if isinstance(value, list) else "a JSON object"
    return str(value)[:200]


def _device(value: Json) -> str:
    if not isinstance(value, str) or len(value) > MAX_DEVICE_NAME:
        raise MalformedOutput("gpsd device", _shown(value))
    if not (value.isascii() and value.isprintable()):
        raise MalformedOutput("gpsd device", value.encode("ascii", "backslashreplace").decode())
    return value


def _time(value: Json) -> datetime | None:
    """TPV `time`, ISO 8601 in UTC. A receiver that knows no time sends none."""
    if value is None:
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise MalformedOutput("TPV time", _shown(value))
    if value[17:19] == "60":  # within a leap second; datetime has no word for it
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedOutput("TPV time", value) from None


def _whole(name: str, value: Json, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise MalformedOutput(name, _shown(value))
    return value


def _optional_whole(name: str, value: Json) -> int | None:
    return None if value is None else _whole(name, value, 0, 1_000)


def _optional_number(name: str, value: Json, low: float, high: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise MalformedOutput(name, _shown(value))
    return float(value)


def _reading(name: str, value: Json, low: float, high: float) -> float | None:
    """As _optional_number; but receivers mark "not known" by values out of range: None."""
    number = _optional_number(name, value, -1e9, 1e9)
    return number if number is not None and low <= number <= high else None
