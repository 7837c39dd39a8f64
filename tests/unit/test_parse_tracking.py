"""`chronyc -c tracking`: real captures, and each field at the edges of what is taken."""

from datetime import UTC, datetime

import pytest

from ntp_checker.errors import ChronydDown, CommandFailed, MalformedOutput
from ntp_checker.model import Leap
from ntp_checker.parse.chrony import (
    parse_sources,
    parse_sourcestats,
    parse_tracking,
)
from tests.captures import read_chrony
from tests.not_numbers import NOT_NUMBERS

TRACKING = (
    "C0000201,ntp1.example,2,1767323045.250000000,-0.250000000,0.001,0.002,"
    "-9.926,-0.5,503.16,0.01,0.02,64.1,Normal"
)


def changed(line: str, index: int, text: str) -> bytes:
    fields = line.split(",")
    fields[index] = text
    return ",".join(fields).encode() + b"\n"


def test_tracking_when_healthy_then_every_field_is_read() -> None:
    tracking = parse_tracking(TRACKING.encode())

    assert tracking.refid == "C0000201"
    assert tracking.ref_name == "ntp1.example"
    assert tracking.stratum == 2
    assert tracking.ref_time == datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)
    assert tracking.last_offset_s == 0.001
    assert tracking.rms_offset_s == 0.002
    assert tracking.freq_ppm == -9.926
    assert tracking.resid_freq_ppm == -0.5
    assert tracking.skew_ppm == 503.16
    assert tracking.root_delay_s == 0.01
    assert tracking.root_dispersion_s == 0.02
    assert tracking.update_interval_s == 64.1
    assert tracking.leap is Leap.NORMAL


@pytest.mark.parametrize(("state", "offset_s"), [("ahead", 0.25), ("behind", -0.25)])
def test_system_offset_when_clock_is_wrong_then_ahead_is_positive(
    state: str, offset_s: float
) -> None:
    tracking = parse_tracking(read_chrony(state, "tracking"))

    assert tracking.system_offset_s == pytest.approx(offset_s, abs=1e-4)


@pytest.mark.parametrize("zero", ["0.000000000", "-0.000000000"])
def test_system_offset_when_exact_then_it_is_no_negative_zero(zero: str) -> None:
    assert str(parse_tracking(changed(TRACKING, 4, zero)).system_offset_s) == "0.0"


@pytest.mark.parametrize(("column", "name"), [(5, "last_offset_s"), (7, "freq_ppm")])
def test_tracking_sign_when_not_system_time_then_kept(column: int, name: str) -> None:
    assert getattr(parse_tracking(changed(TRACKING, column, "-0.5")), name) == -0.5


def test_tracking_when_never_synchronised_then_there_is_no_ref_time() -> None:
    tracking = parse_tracking(read_chrony("never_synchronised", "tracking"))

    assert (tracking.stratum, tracking.leap) == (0, Leap.NOT_SYNCHRONISED)
    assert (tracking.ref_time, tracking.ref_name) == (None, None)


def test_tracking_when_local_fallback_then_refid_tells() -> None:
    tracking = parse_tracking(read_chrony("local_fallback", "tracking"))

    assert (tracking.refid, tracking.ref_name, tracking.leap) == ("7F7F0101", None, Leap.NORMAL)


@pytest.mark.parametrize(
    ("text", "leap"),
    [
        ("Normal", Leap.NORMAL),
        ("Insert second", Leap.INSERT_SECOND),
        ("Delete second", Leap.DELETE_SECOND),
        ("Not synchronised", Leap.NOT_SYNCHRONISED),
    ],
)
def test_leap_when_chronyc_names_it_then_known(text: str, leap: Leap) -> None:
    assert parse_tracking(changed(TRACKING, 13, text)).leap is leap


@pytest.mark.parametrize("text", NOT_NUMBERS)
@pytest.mark.parametrize("column", range(2, 13))
def test_tracking_number_when_it_is_none_then_malformed(column: int, text: str) -> None:
    with pytest.raises(MalformedOutput):
        parse_tracking(changed(TRACKING, column, text))


@pytest.mark.parametrize(
    ("column", "text"),
    [
        *(
            (0, refid)
            for refid in ("", "c0000201", "C000020", "C00002011", "G0000201", "C0000201\n")
        ),
        *((1, name) for name in (" a", "a ", "a\tb", "a\x1b[31m", "a\x00", "n" * 256)),
        *((2, stratum) for stratum in ("-1", "17", "1.0")),
        *((3, epoch) for epoch in ("-0.000000001", "253402300800", "1e12")),
        *((4, offset) for offset in ("5000000001", "-5000000001")),
        *((6, rms) for rms in ("-0.000000001", "5000000001")),
        (9, "-0.001"),
        (10, "-0.001"),
        (11, "-0.001"),
        (12, "-0.001"),
        *((13, leap) for leap in ("", "normal", "Not synchronized", "Normal ")),
    ],
)
def test_tracking_field_when_out_of_range_then_malformed(column: int, text: str) -> None:
    with pytest.raises(MalformedOutput, match="tracking"):
        parse_tracking(changed(TRACKING, column, text))


def test_tracking_when_a_later_version_adds_fields_then_taken() -> None:
    assert parse_tracking(f"{TRACKING},new,1".encode()) == parse_tracking(TRACKING.encode())


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\n",
        TRACKING.rpartition(",")[0].encode(),
        f"{TRACKING}\n{TRACKING}\n".encode(),
        "Überraschung".encode(),
        b"\xff" * 200,
    ],
)
def test_tracking_when_not_one_whole_ascii_line_then_malformed(output: bytes) -> None:
    with pytest.raises(MalformedOutput):
        parse_tracking(output)


def test_tracking_when_lines_end_in_crlf_then_taken() -> None:
    assert parse_tracking(f"{TRACKING}\r\n".encode()) == parse_tracking(TRACKING.encode())


@pytest.mark.parametrize("report", ["tracking", "sources", "sourcestats"])
def test_report_when_chronyd_is_down_then_chronyd_down(report: str) -> None:
    parse = {"tracking": parse_tracking, "sources": parse_sources, "sourcestats": parse_sourcestats}
    with pytest.raises(ChronydDown, match="506 Cannot talk to daemon"):
        parse[report](read_chrony("down", report))


def test_report_when_not_authorised_then_command_failed() -> None:
    with pytest.raises(CommandFailed, match="501 Not authorised"):
        parse_sources(b"501 Not authorised\n")
