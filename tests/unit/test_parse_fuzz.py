"""Whatever a host sends: a value inside its declared range, or an error of the declared kinds.

NTP_CHECKER_FUZZ_EXAMPLES sets how many inputs are made for each property; every deletion and every
flip of a byte of the real captures comes on top.
"""

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntp_checker.errors import (
    ChronydDown,
    CommandFailed,
    DeadlineMissed,
    MalformedOutput,
    ProbeError,
)
from ntp_checker.model import Source, SourceStats, Tracking
from ntp_checker.parse.chrony import parse_sources, parse_sourcestats, parse_tracking
from ntp_checker.parse.gpsd import parse_gps
from tests.captures import CHRONY, GPSD

EXAMPLES = int(os.environ.get("NTP_CHECKER_FUZZ_EXAMPLES", "300"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,  # the machine's load is no property of a parser
    database=None,
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAX_SECONDS = 5e9


def parse_receivers(output: bytes) -> object:
    return parse_gps(output, NOW)


Parser = Callable[[bytes], object]
PARSERS: dict[str, tuple[Parser, tuple[type[ProbeError], ...]]] = {
    "tracking": (parse_tracking, (MalformedOutput, ChronydDown, CommandFailed)),
    "sources": (parse_sources, (MalformedOutput, ChronydDown, CommandFailed)),
    "sourcestats": (parse_sourcestats, (MalformedOutput, ChronydDown, CommandFailed)),
    "gpspipe": (parse_receivers, (MalformedOutput, CommandFailed, DeadlineMissed)),
}
CAPTURES = {
    report: sorted({path.read_bytes() for path in folder.glob(f"*.{report}")})
    for folder in (CHRONY, GPSD)
    for report in PARSERS
    if any(folder.glob(f"*.{report}"))
}

RANGES = {
    "stratum": (0, 16),
    "reach": (0, 255),
    "poll_log2_s": (-32, 32),
    "last_rx_s": (0, 2**32 - 2),
    "samples": (0, 1_000_000),
    "satellites_used": (0, 1_000),
    "satellites_seen": (0, 1_000),
    "gnssid": (0, 1_000),
    "svid": (0, 1_000),
    "skew_ppm": (0, 1e9),
    "freq_ppm": (-1e6, 1e6),
    "resid_freq_ppm": (-1e9, 1e9),
    "hdop": (0, 1e4),
    "tdop": (0, 1e4),
    "snr_dbhz": (0, 254),
    "elevation_deg": (-90, 90),
    "azimuth_deg": (0, 360),
    **dict.fromkeys(("rms_offset_s", "root_delay_s", "root_dispersion_s"), (0, MAX_SECONDS)),
    **dict.fromkeys(("update_interval_s", "error_s", "std_dev_s"), (0, MAX_SECONDS)),
    **dict.fromkeys(("system_offset_s", "last_offset_s"), (-MAX_SECONDS, MAX_SECONDS)),
    **dict.fromkeys(("offset_s", "measured_offset_s"), (-MAX_SECONDS, MAX_SECONDS)),
}


def check_value(name: str, value: object) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        low, high = RANGES[name]
        assert math.isfinite(value), name
        assert low <= value <= high, name
    elif isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0), name
    elif isinstance(value, str):
        assert value.isascii(), name
        assert value.isprintable(), name
        assert len(value) <= 255, name
    elif isinstance(value, tuple):
        for element in value:
            check_value(name, element)
    elif is_dataclass(value):
        for field in fields(value):
            check_value(field.name, getattr(value, field.name))
    else:
        assert value is None, name


def check(report: str, output: bytes) -> None:
    """Any other error than the declared kinds ends the test."""
    parse, kinds = PARSERS[report]
    refusal: ProbeError | None = None
    try:
        check_value("", parse(output))
    except kinds as error:
        refusal = error
    assert refusal is None or 0 < len(refusal.detail) < 700


def mutations(capture: bytes) -> Iterator[bytes]:
    for at, byte in enumerate(capture):
        before, after = capture[:at], capture[at + 1 :]
        yield before + after
        yield before + bytes([byte ^ 1 << at % 8]) + after
        yield before + b"\x00" + after


@pytest.mark.parametrize("report", PARSERS)
def test_capture_when_a_byte_is_lost_or_flipped_then_a_value_or_a_known_error(report: str) -> None:
    for capture in CAPTURES[report]:
        for mutated in mutations(capture):
            check(report, mutated)


@pytest.mark.parametrize("report", PARSERS)
def test_capture_when_cut_anywhere_then_a_value_or_a_known_error(report: str) -> None:
    for capture in CAPTURES[report]:
        for end in range(len(capture)):
            check(report, capture[:end])


# Flat lists to pick from: nested strategies cost more time than the parsers.
NASTY_NUMBERS = [
    *("nan", "-nan", "inf", "-inf", "1e400", "-1e400", "1_000", "\uff11", "\u0663", "0x1", "1,5"),
    *("", " ", "-", "+", ".", "1e", "9" * 400, "0." + "0" * 400 + "1", "4294967295", "-0", "+1"),
    *(
        "0",
        "1",
        "16",
        "17",
        "255",
        "377",
        "400",
        "-1.5",
        "5e9",
        "5000000001",
        "253402300800",
        "1e12",
    ),
    *(
        "1e-300",
        "1.7976931348623157e308",
        str(2**63),
        str(-(2**63)),
        str(2**64),
        "000",
        "1.000000000",
    ),
]
NASTY_FIELDS = [
    *NASTY_NUMBERS,
    *("^", "*", "?", "#", "7F7F0101", "Normal", "Not synchronised", "\r", "\n", "\x00", "\ud800"),
    *("506 Cannot talk to daemon", "\x1b[31m", "\u202e", "192.0.2.1", "n" * 300),
]
FIELDS = st.sampled_from(NASTY_FIELDS) | st.text(max_size=5) | st.floats().map(repr)


def as_csv(fields_there: list[str]) -> bytes:
    return ",".join(fields_there).encode("utf-8", "surrogatepass")


def with_changed_fields(capture: bytes) -> st.SearchStrategy[bytes]:
    """A capture in which some fields are anything."""
    fields_there = capture.decode().split(",")

    def change(changes: dict[int, str]) -> bytes:
        return as_csv([changes.get(at, text) for at, text in enumerate(fields_there)])

    return st.dictionaries(st.integers(0, len(fields_there) - 1), FIELDS, max_size=3).map(change)


@pytest.mark.parametrize("report", PARSERS)
def test_parser_when_given_any_bytes_then_a_value_or_a_known_error(report: str) -> None:
    @fuzz
    @given(st.binary(max_size=400))
    def run(output: bytes) -> None:
        check(report, output)

    run()


@pytest.mark.parametrize(
    ("report", "width"), [("tracking", 14), ("sources", 10), ("sourcestats", 8)]
)
def test_chrony_parser_when_given_csv_then_a_value_or_a_known_error(
    report: str, width: int
) -> None:
    captures = [capture for capture in CAPTURES[report] if b"," in capture]
    anything = st.lists(FIELDS, min_size=width, max_size=width + 1).map(as_csv)

    @fuzz
    @given(st.one_of(anything, *map(with_changed_fields, captures)))
    def run(output: bytes) -> None:
        check(report, output)

    run()


def json_object(keys: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An object in which keys may come twice."""
    pairs = st.lists(st.tuples(st.sampled_from(keys), values), max_size=5)
    return pairs.map(lambda items: "{%s}" % ",".join(f'"{key}":{value}' for key, value in items))  # noqa: UP031 - braces


NASTY_JSON = [
    *NASTY_NUMBERS,
    *(
        "null",
        "true",
        "NaN",
        "Infinity",
        "-Infinity",
        '"\\ud800"',
        '"\\u0000"',
        '"\\u202e"',
        "[]",
        "{}",
    ),
    *(
        '"/dev/ttyS0"',
        '"2026-01-02T03:04:05.000Z"',
        '"9999-12-31T23:59:60Z"',
        '"0001-01-01T00:00:00Z"',
    ),
    *(
        "2",
        "3",
        "[[[[]]]]",
        '[{"a":[]}]',
        '"\x00"',
        '"\x1b"',
        '"' + "d" * 300 + '"',
        "[" * 1020 + "]" * 1020,
    ),
]
SATELLITE_KEYS = ["used", "ss", "el", "az", "PRN", "svid", "gnssid"]
PLAIN_VALUES = st.sampled_from(NASTY_JSON)
SATELLITES = st.lists(json_object(SATELLITE_KEYS, PLAIN_VALUES), max_size=2).map(
    lambda satellites: f"[{','.join(satellites)}]"
)
JSON_VALUES = PLAIN_VALUES | SATELLITES


def gps_line(kind: str) -> st.SearchStrategy[str]:
    keys = ["class", "device", "mode", "time", "uSat", "nSat", "hdop", "tdop", "satellites"]
    return json_object([*keys, "message", "lat"], JSON_VALUES).map(
        lambda text: f'{{"class":"{kind}"' + (f",{text[1:]}" if len(text) > 2 else "}")
    )


@fuzz
@given(st.lists(st.one_of(*map(gps_line, ["TPV", "SKY", "ERROR"])), max_size=3))
def test_gps_parser_when_given_json_then_a_value_or_a_known_error(lines: list[str]) -> None:
    check("gpspipe", ('{"class":"VERSION"}\n' + "\n".join(lines) + "\n").encode("utf-8", "replace"))


def test_ranges_when_a_type_gains_a_number_then_it_is_checked_here() -> None:
    numbers = {
        field.name
        for kind in (Tracking, Source, SourceStats)
        for field in fields(kind)
        if {"int", "float"} & set(re.findall(r"\w+", str(field.type)))
    }

    assert numbers <= RANGES.keys()


def test_captures_when_read_then_there_are_some_of_every_report() -> None:
    assert CAPTURES.keys() == PARSERS.keys()
    assert Path(CHRONY, "healthy.tracking").read_bytes() in CAPTURES["tracking"]
