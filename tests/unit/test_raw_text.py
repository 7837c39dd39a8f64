"""Raw text is kept for people: nothing in it moves a cursor, or tells where a receiver stands."""

import orjson
import pytest

from ntp_checker.parse.raw_text import MAX_CHARACTERS, clean_text, without_position

TPV = {
    "class": "TPV", "device": "/dev/ttyS0", "mode": 3, "time": "2026-01-02T03:04:05.000Z",
    "ept": 0.005, "lat": 12.3456789, "lon": -98.7654321, "alt": 321.5, "altHAE": 322.5,
    "altMSL": 323.5, "ecefx": 1234567.8, "ecefvx": 0.01, "track": 1.5, "speed": 0.123,
    "geoidSep": 47.25, "relN": 0.5, "datum": "WGS84", "someNewPlace": {"lat": 12.3456789},
}  # fmt: skip


def test_report_with_a_position_when_kept_then_only_time_is_left() -> None:
    kept = orjson.loads(without_position(orjson.dumps(TPV)))

    assert kept == {
        "class": "TPV",
        "device": "/dev/ttyS0",
        "mode": 3,
        "time": "2026-01-02T03:04:05.000Z",
        "ept": 0.005,
    }


def test_satellites_when_kept_then_with_their_signal() -> None:
    satellite = {
        "PRN": 5,
        "gnssid": 0,
        "svid": 5,
        "ss": 41.0,
        "el": 61.0,
        "az": 120.0,
        "used": True,
    }
    sky = {"class": "SKY", "device": "d", "hdop": 0.8, "satellites": [{**satellite, "lat": 1.5}]}

    kept = orjson.loads(without_position(orjson.dumps(sky)))

    assert kept["satellites"] == [satellite]
    assert kept["hdop"] == 0.8


@pytest.mark.parametrize(
    "line",
    [
        b"$GPGGA,030405,1220.740734,N,09845.925926,W,1,08,0.9,321.5,M,,,,*47",
        b'{"class":"ATT","lat":12.3456789}',
        b'{"class":{"lat":12.3456789}}',
        b'{"class":"TPV","lat":12.3456789',
        b'["TPV",12.3456789]',
        b'{"class":"TPV","mode":{"lat":12.3456789}}',
        b'{"class":"DEVICES","devices":[{"path":["12.3456789"]},"12.3456789"]}',
    ],
)
def test_line_when_it_is_no_known_report_then_nothing_of_it_is_kept(line: bytes) -> None:
    kept = without_position(line)

    assert "12.34" not in kept
    assert "1220.74" not in kept


def test_text_when_it_has_control_characters_then_they_are_replaced() -> None:
    assert clean_text(b"a\x1b[2J\x00\xffb\r\nc\td") == "a\ufffd[2J\ufffd\ufffdb\nc\ufffdd"


def test_text_when_it_is_long_then_cut_and_says_so() -> None:
    text = clean_text(b"x" * (MAX_CHARACTERS + 5))

    assert len(text) < MAX_CHARACTERS + 40
    assert text.endswith(f"(cut: {MAX_CHARACTERS + 5} characters)")


def test_report_with_the_hosts_stamp_when_kept_then_its_position_goes_too() -> None:
    kept = without_position(b"2026-01-02 03:04:05 1767323045.120000: " + orjson.dumps(TPV))

    assert orjson.loads(kept)["mode"] == 3
    assert "12.34" not in kept
