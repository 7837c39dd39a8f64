"""What programs printed, made fit to be kept and shown: printable, bounded, without a position."""

import re
from collections.abc import Mapping

import orjson

#: More than any honest answer; what is longer is cut, and says so.
MAX_CHARACTERS = 32_768

_NOT_PRINTABLE = re.compile(r"[^\n\x20-\x7e]")

_DOPS = ("gdop", "hdop", "pdop", "tdop", "vdop", "xdop", "ydop")
_SATELLITE = ("PRN", "gnssid", "svid", "sigid", "az", "el", "ss", "used", "health")
# Only what is named is kept: a position has many spellings, and each release of gpsd adds some.
_KEPT: Mapping[str, tuple[str, ...]] = {
    "VERSION": ("release", "rev", "proto_major", "proto_minor"),
    "DEVICES": (),
    "WATCH": ("enable", "json", "pps"),
    "TPV": ("device", "mode", "status", "time", "ept", "leapseconds", "ant", "jam", "antPwr"),
    "SKY": ("device", "time", *_DOPS, "nSat", "uSat"),
    "PPS": ("device", "real_sec", "real_nsec", "clock_sec", "clock_nsec", "precision", "qErr"),
    "TOFF": ("device", "real_sec", "real_nsec", "clock_sec", "clock_nsec"),
    "ERROR": ("message",),
}
_DEVICE = ("path", "driver", "subtype", "subtype1", "activated", "flags", "native", "bps", "cycle")


def clean_text(output: bytes) -> str:
    """Printable ASCII and newlines; each other byte as a replacement character."""
    text = output.decode("ascii", "replace").replace("\r\n", "\n")
    text = _NOT_PRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[:MAX_CHARACTERS] + f"\n(cut: {len(text)} characters)"


def without_position(output: bytes) -> str:
    """gpsd's reports with nothing in them that could tell where the receiver stands."""
    lines = [_report_without_position(line) for line in output.split(b"\n") if line.strip()]
    return clean_text(b"\n".join(lines))


def _report_without_position(line: bytes) -> bytes:
    stamp, brace, rest = line.partition(b": {")  # the host's own time, of `gpspipe -uu`
    if brace and not stamp.startswith(b"{"):
        line = b"{" + rest
    try:
        report = orjson.loads(line)
    except orjson.JSONDecodeError:
        report = None
    kind = report.get("class") if isinstance(report, dict) else None
    if not isinstance(kind, str) or kind not in _KEPT or not isinstance(report, dict):
        # A receiver's own sentences hold its position, too.
        return b"(%d bytes that are no report of gpsd's)" % len(line)
    kept = {"class": kind, **_only(report, _KEPT[kind])}
    if kind == "SKY":
        kept["satellites"] = _each(report.get("satellites"), _SATELLITE)
    if kind == "DEVICES":
        kept["devices"] = _each(report.get("devices"), _DEVICE)
    return orjson.dumps(kept)


def _only(report: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
    """The named attributes whose values are single: no object hides one with another name."""
    return {
        name: report[name]
        for name in names
        if name in report and not isinstance(report[name], dict | list)
    }


def _each(entries: object, names: tuple[str, ...]) -> list[dict[str, object]]:
    if not isinstance(entries, list):
        return []
    return [_only(entry, names) for entry in entries if isinstance(entry, dict)]
