"""A sample as bytes and as the users' JSON."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ntp_checker.codec import contract, decode, encode
from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import FailureKind, GpsDevice, GpsMode
from tests.sample_factory import SLOT_AT, gps_report, judged_sample, tracking

#: as the documentation shows them, in its order
KEYS = [
    "host", "slot_at", "taken_at", "duration_s", "host_time_at", "status", "error_bound_s",
    "failures", "problems", "tracking", "sources", "gps",
]  # fmt: skip
TRACKING_KEYS = [
    "refid", "ref_name", "stratum", "ref_time", "system_offset_s", "last_offset_s",
    "rms_offset_s", "freq_ppm", "resid_freq_ppm", "skew_ppm", "root_delay_s",
    "root_dispersion_s", "update_interval_s", "leap",
]  # fmt: skip
SOURCE_KEYS = [
    "mode", "state", "address", "stratum", "poll_log2_s", "reach", "last_rx_s", "offset_s",
    "measured_offset_s", "error_s", "std_dev_s", "samples", "selection",
]  # fmt: skip
GPS_KEYS = [
    "device", "taken_at", "age_s", "mode", "time", "time_lag_s", "satellites_used", "satellites_seen",
    "hdop", "tdop", "satellites",
]  # fmt: skip


def test_sample_when_encoded_and_decoded_is_the_same() -> None:
    for judged in (
        judged_sample(),
        judged_sample(sources=None, gps=None, tracking=None),
        judged_sample(sources=(), host_time_at=None),
        empty_slot("h", SLOT_AT, FailureKind.MISSED, "no checker was running"),
    ):
        assert decode(encode(judged)) == judged


def test_float_when_encoded_keeps_every_digit() -> None:
    for offset_s in (0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0):
        judged = judged_sample(tracking=tracking(system_offset_s=offset_s))
        again = decode(encode(judged)).sample.tracking
        assert again
        assert repr(again.system_offset_s) == repr(offset_s)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_number_that_is_none_when_decoded_is_refused_and_named(number: float) -> None:
    payload = encode(judged_sample(tracking=tracking(skew_ppm=number)))

    with pytest.raises(ValueError, match="skew_ppm"):
        decode(payload)


def test_lone_surrogate_when_encoded_is_refused() -> None:
    with pytest.raises(ValueError, match="gps1"):
        encode(judged_sample(tracking=tracking(ref_name="\udcff")))


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b"[{}]", b"[1,2]", b"\xff\xfe", b"[" * 100_000]
)
def test_bytes_of_something_else_when_decoded_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode(payload)


def test_contract_has_the_documented_keys_in_their_order() -> None:
    shown = contract(judged_sample())

    assert list(shown) == KEYS
    assert list(shown["tracking"]) == TRACKING_KEYS
    assert list(shown["sources"][0]) == SOURCE_KEYS
    assert list(shown["gps"]) == GPS_KEYS
    assert list(shown["gps"]["satellites"][0]) == [
        "gnssid", "svid", "used", "snr_dbhz", "elevation_deg", "azimuth_deg"
    ]  # fmt: skip
    assert list(shown["problems"][0]) == [
        "code", "subject", "severity", "value", "limit", "unit", "text"
    ]  # fmt: skip
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_contract_lists_problems_only_not_good_judgements() -> None:
    assert [problem["code"] for problem in contract(judged_sample())["problems"]] == ["falseticker"]


def test_contract_of_what_was_not_had_is_null_and_of_none_configured_is_empty() -> None:
    shown = contract(judged_sample(tracking=None, sources=None, gps=None))

    assert (shown["tracking"], shown["sources"], shown["gps"]) == (None, None, None)
    assert contract(judged_sample(sources=()))["sources"] == []


def test_contract_of_several_receivers_lists_them() -> None:
    device = GpsDevice(
        device="/dev/ttyS1", mode=GpsMode.NO_FIX, time=None, satellites_used=None,
        satellites_seen=None,
    )  # fmt: skip

    one = contract(judged_sample(gps_devices=(device,)))
    two = contract(judged_sample(gps_devices=(device, replace(device, device="/dev/ttyS2"))))

    assert "gps_devices" not in one
    assert [shown["device"] for shown in two["gps_devices"]] == ["/dev/ttyS1", "/dev/ttyS2"]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (
            datetime(2026, 1, 2, 3, 4, 5, 250_001, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-01-01T21:34:05.250001Z",
        ),
    ],
)
def test_contract_writes_times_in_utc_with_z(at: datetime, text: str) -> None:
    assert contract(judged_sample(gps=gps_report(time=at)))["gps"]["time"] == text
