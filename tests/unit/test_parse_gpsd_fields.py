"""Single fields of gpsd's JSON, at the edges of what is taken."""

from datetime import UTC, datetime

import orjson
import pytest

from ntp_checker.errors import CommandFailed, MalformedOutput
from ntp_checker.model import GpsMode, GpsReport
from ntp_checker.parse.gpsd import MAX_DEVICES, MAX_SATELLITES, parse_gps

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
    ("mode", "meaning"),
    [(0, GpsMode.UNKNOWN), (1, GpsMode.NO_FIX), (2, GpsMode.FIX_2D), (3, GpsMode.FIX_3D)],
)
def test_mode_when_in_range_then_known(mode: int, meaning: GpsMode) -> None:
    assert parse_one(tpv(mode=mode)).mode is meaning


@pytest.mark.parametrize("mode", [-1, 4, 3.0, "3", True, None, [], 2**63])
def test_mode_when_out_of_range_then_malformed(mode: object) -> None:
    with pytest.raises(MalformedOutput, match="TPV mode"):
        parse_one(tpv(mode=mode))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60.000Z", None),
    ],
)
def test_time_when_iso_8601_then_utc_and_none_in_a_leap_second(
    text: str, time: datetime | None
) -> None:
    assert parse_one(tpv(time=text)).time == time


@pytest.mark.parametrize(
    "time",
    [
        *("", "now", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05+01:00"),
        *(
            "2026-13-02T03:04:05Z",
            "0000-01-02T03:04:05Z",
            "\uff12\uff10\uff12\uff16-01-02T03:04:05Z",
            1767323045,
        ),
        *("2026-01-02T03:04:05.1234567890Z", "2026-01-02T03:04:05Z\n", []),
    ],
)
def test_time_when_anything_else_then_malformed(time: object) -> None:
    with pytest.raises(MalformedOutput, match="TPV time"):
        parse_one(tpv(time=time))


@pytest.mark.parametrize("hdop", [-0.1, 10_001, "1", True, [1]])
def test_dop_when_out_of_range_then_malformed(hdop: object) -> None:
    with pytest.raises(MalformedOutput, match="hdop"):
        parse_one(tpv(), sky(hdop=hdop))


@pytest.mark.parametrize("count", [-1, 1_001, 8.0, "8", False])
def test_satellite_count_when_out_of_range_then_malformed(count: object) -> None:
    with pytest.raises(MalformedOutput, match="uSat"):
        parse_one(tpv(), sky(uSat=count))


@pytest.mark.parametrize(
    ("key", "name", "value", "reading"),
    [
        ("ss", "snr_dbhz", 0, 0.0),
        ("ss", "snr_dbhz", 255, None),
        ("el", "elevation_deg", -90, -90.0),
        ("el", "elevation_deg", -91, None),
        ("az", "azimuth_deg", 360, 360.0),
        ("az", "azimuth_deg", 361, None),
    ],
)
def test_reading_when_beyond_the_possible_then_not_known(
    key: str, name: str, value: float, reading: float | None
) -> None:
    (satellite,) = parse_one(tpv(), sky(satellites=[{key: value}])).satellites

    assert getattr(satellite, name) == reading


@pytest.mark.parametrize("satellites", [{}, "x", [1], [[]], [{"used": 1}], [{"ss": "loud"}]])
def test_satellites_when_not_a_list_of_satellites_then_malformed(satellites: object) -> None:
    with pytest.raises(MalformedOutput):
        parse_one(tpv(), sky(satellites=satellites))


def test_satellites_when_too_many_then_malformed() -> None:
    assert len(parse_one(tpv(), sky(satellites=[{}] * MAX_SATELLITES)).satellites) == MAX_SATELLITES
    with pytest.raises(MalformedOutput, match="SKY satellites"):
        parse_one(tpv(), sky(satellites=[{}] * (MAX_SATELLITES + 1)))


def test_devices_when_too_many_then_malformed() -> None:
    devices = [tpv(device=f"d{number}") for number in range(MAX_DEVICES)]

    assert len(parse_gps(said(*devices), NOW)) == MAX_DEVICES
    with pytest.raises(MalformedOutput, match="more than 16 devices"):
        parse_gps(said(*devices, tpv(device="one more")), NOW)


@pytest.mark.parametrize(
    "device", ["\x1b[31m", "a\x00", "a\nb", "\u202egnp", "ü", "d" * 256, 3, None, []]
)
def test_device_when_not_a_plain_name_then_malformed(device: object) -> None:
    with pytest.raises(MalformedOutput, match="gpsd device") as caught:
        parse_one(tpv(device=device))

    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()


def test_device_when_not_named_then_empty() -> None:
    (report,) = parse_gps(b'{"class":"TPV","mode":3}\n', NOW)

    assert report.device == ""


@pytest.mark.parametrize(
    "value",
    [
        *(b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1_000", b"\xd9\xa3", b"9" * 5000, b"+3"),
        *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\x00"', b"'3'", b"03", b"3,"),
        *(b"[" * depth + b"]" * depth for depth in (1, 1000, 1020, 1100, 100_000)),
        *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (1, 1000, 1020, 100_000)),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        b'{"class":"TPV","mode":%s}',
        b'{"class":"TPV","mode":3,"time":%s}',
        b'{"class":"SKY","hdop":%s}',
        b'{"class":"SKY","satellites":[[%s]]}',
        b'{"class":"SKY","satellites":[{"used":%s}]}',
        b"{%s}",
    ],
)
def test_value_when_not_json_or_not_a_number_then_malformed(line: bytes, value: bytes) -> None:
    with pytest.raises(MalformedOutput):
        parse_gps(b'{"class":"TPV","mode":3}\n' + line % value + b"\n", NOW)


@pytest.mark.parametrize("depth", [1, 1000, 1020])
def test_error_message_when_nested_deeply_then_still_command_failed(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    with pytest.raises(CommandFailed, match="a JSON array"):
        parse_gps(b'{"class":"ERROR","message":%s}\n' % nested, NOW)


def test_key_when_given_twice_then_the_last_counts() -> None:
    (report,) = parse_gps(b'{"class":"TPV","mode":1,"mode":3}\n', NOW)

    assert report.mode is GpsMode.FIX_3D
