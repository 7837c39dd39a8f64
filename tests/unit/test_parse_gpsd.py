"""gpsd's JSON: real captures, older and newer dialects, and what is no report at all."""

from dataclasses import asdict
from datetime import UTC, datetime

import orjson
import pytest

from ntp_checker.errors import CommandFailed, DeadlineMissed, MalformedOutput
from ntp_checker.model import GpsMode, GpsReport, Satellite
from ntp_checker.parse.gpsd import as_device, parse_gps
from tests.captures import read_gpsd

NOW = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def said(*reports: dict[str, object]) -> bytes:
    return b"".join(orjson.dumps(report) + b"\r\n" for report in reports)


def tpv(**fields: object) -> dict[str, object]:
    return {"class": "TPV", "device": "/dev/ttyS0", "mode": 3} | fields


def sky(**fields: object) -> dict[str, object]:
    return {"class": "SKY", "device": "/dev/ttyS0"} | fields


def parse_one(*reports: dict[str, object]) -> GpsReport:
    (report,) = parse_gps(said(*reports), NOW)
    return report


@pytest.mark.parametrize(
    ("state", "mode", "used", "seen"),
    [
        ("fix_3d", GpsMode.FIX_3D, 8, 11),
        ("fix_2d", GpsMode.FIX_2D, 3, 11),
        ("no_fix", GpsMode.NO_FIX, 0, 11),
        ("empty_sky", GpsMode.NO_FIX, None, None),
    ],
)
def test_receiver_when_captured_then_mode_and_counts_are_read(
    state: str, mode: GpsMode, used: int | None, seen: int | None
) -> None:
    (report,) = parse_gps(read_gpsd(state), NOW)

    assert (report.mode, report.satellites_used, report.satellites_seen) == (mode, used, seen)


def test_receiver_when_it_has_a_fix_then_everything_is_read() -> None:
    (report,) = parse_gps(read_gpsd("fix_3d"), NOW)

    assert report.device == "/dev/ttyS0"
    assert report.taken_at == NOW
    assert report.age_s is None
    assert report.time is not None
    assert report.time.tzinfo is UTC
    assert (report.hdop, report.tdop) == (0.9, 1.15)
    assert report.satellites[0] == Satellite(
        gnssid=0, svid=2, used=True, snr_dbhz=44.0, elevation_deg=61.0, azimuth_deg=120.0
    )


def test_position_when_reported_then_it_is_nowhere_in_the_result() -> None:
    place = {"lat": 48.123456, "lon": 11.654321, "altHAE": 519.75, "ecefx": 4177.875, "speed": 3.5}

    text = str(asdict(parse_one(tpv(**place), sky(hdop=0.5))))

    assert not [number for number in place.values() if str(number) in text]


@pytest.mark.parametrize(
    "line", [b'{"class":"TPV","lat":48.123456,"mode":3', b'"lat":48.123456,"lon":11.654321}']
)
def test_position_when_in_a_broken_line_then_the_error_does_not_tell(line: bytes) -> None:
    with pytest.raises(MalformedOutput) as caught:
        parse_gps(said({"class": "VERSION"}) + line + b"\n", NOW)

    assert "lat" in caught.value.detail
    assert "48" not in caught.value.detail


def test_gpsd_when_no_receiver_reports_then_deadline_missed() -> None:
    for state in ("silent", "garbage"):
        with pytest.raises(DeadlineMissed, match="no receiver reports"):
            parse_gps(read_gpsd(state), NOW)


def test_gpsd_when_it_says_nothing_then_deadline_missed() -> None:
    with pytest.raises(DeadlineMissed, match="says nothing"):
        parse_gps(b"", NOW)


def test_gpsd_when_down_then_command_failed() -> None:
    with pytest.raises(CommandFailed, match="could not connect to gpsd"):
        parse_gps(read_gpsd("none"), NOW)


def test_gpsd_when_it_reports_an_error_then_command_failed() -> None:
    with pytest.raises(CommandFailed, match="gpsd says: no such device"):
        parse_gps(said({"class": "ERROR", "message": "no such device"}), NOW)


def test_line_when_cut_at_the_end_then_dropped() -> None:
    (report,) = parse_gps(said(tpv(mode=2)) + b'{"class":"TPV","mode":', NOW)

    assert report.mode is GpsMode.FIX_2D


def test_reports_when_several_then_the_last_of_each_device_counts() -> None:
    report = parse_one(tpv(mode=3, time="2026-01-02T03:04:05.000Z"), tpv(mode=1))

    assert (report.mode, report.time) == (GpsMode.NO_FIX, None)


def test_sky_when_split_over_reports_then_put_together() -> None:
    report = parse_one(tpv(), sky(hdop=0.8, uSat=1), sky(satellites=[{"used": True, "svid": 5}]))

    assert (report.hdop, report.satellites_used, report.satellites_seen) == (0.8, 1, 1)


def test_sky_when_from_older_gpsd_then_satellites_are_counted() -> None:
    report = parse_one(tpv(), sky(satellites=[{"PRN": 7, "used": True}, {"PRN": 9, "used": False}]))

    assert (report.satellites_used, report.satellites_seen) == (1, 2)
    assert report.satellites[0].svid == 7


def test_sky_when_without_a_tpv_then_no_receiver_reports() -> None:
    with pytest.raises(DeadlineMissed):
        parse_gps(said(sky(uSat=8)), NOW)


def test_receivers_when_several_then_best_first() -> None:
    reports = parse_gps(
        said(
            tpv(device="flat", mode=2),
            tpv(device="few"),
            sky(device="few", uSat=5),
            tpv(device="b"),
            sky(device="b", uSat=9),
            tpv(device="a"),
            sky(device="a", uSat=9),
        ),
        NOW,
    )

    assert [report.device for report in reports] == ["a", "b", "few", "flat"]


def test_receiver_when_listed_in_short_then_counts_and_mode_stay() -> None:
    (report,) = parse_gps(read_gpsd("fix_3d"), NOW)
    device = as_device(report)

    assert (device.device, device.mode, device.time) == (report.device, report.mode, report.time)
    assert (device.satellites_used, device.satellites_seen) == (8, 11)


def stamped(*heard: tuple[str, dict[str, object]]) -> bytes:
    lines = [f"2026-01-02 03:04:05 {at}: ".encode() + orjson.dumps(report) for at, report in heard]
    return b"".join(line + b"\n" for line in lines)


def test_reports_when_stamped_by_the_host_then_their_median_lag_is_known() -> None:
    output = stamped(
        ("1767323045.120000", tpv(time="2026-01-02T03:04:05.000Z")),
        ("1767323046.130000", tpv(time="2026-01-02T03:04:06.000Z")),
        ("1767323047.900000", tpv(time="2026-01-02T03:04:07.000Z")),
    )

    (report,) = parse_gps(output, NOW)

    assert report.time_lag_s == pytest.approx(0.13)
    assert as_device(report).time_lag_s == report.time_lag_s


@pytest.mark.parametrize(
    "output",
    [
        said(tpv(time="2026-01-02T03:04:05.000Z")),
        stamped(("1767323045.120000", tpv())),
    ],
    ids=["no stamp", "no time"],
)
def test_lag_when_one_of_the_times_is_missing_then_none(output: bytes) -> None:
    (report,) = parse_gps(output, NOW)

    assert report.time_lag_s is None
