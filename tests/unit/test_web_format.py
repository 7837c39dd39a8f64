from datetime import UTC, datetime, timedelta, timezone

import pytest

from ntp_checker.web.format import (
    format_age,
    format_iso,
    format_moment,
    format_offset,
    format_seconds,
)

MINUS = "\N{MINUS SIGN}"


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (0.0, "0 ns"),
        (4e-10, "0 ns"),
        (1e-9, "1.00 ns"),
        (-20e-9, f"{MINUS}20.0 ns"),
        (9.994e-7, "999 ns"),
        (9.996e-7, "1.00 µs"),
        (12.34e-6, "12.3 µs"),
        (-0.0114, f"{MINUS}11.4 ms"),
        (0.25, "250 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (59.97, "60.0 s"),
        (86400.0, "86400 s"),
        (None, "—"),
    ],
)
def test_seconds_when_formatted_then_three_digits_and_unit(
    value_s: float | None, text: str
) -> None:
    assert plain(format_seconds(value_s)) == text


@pytest.mark.parametrize(
    ("offset_s", "text"), [(0.25, "+250 ms"), (-0.25, f"{MINUS}250 ms"), (0.0, "0 ns"), (None, "—")]
)
def test_offset_when_formatted_then_sign_is_shown(offset_s: float | None, text: str) -> None:
    assert plain(format_offset(offset_s)) == text


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (-3.0, "0 s"),
        (0.9, "0 s"),
        (12.7, "12 s"),
        (119.9, "119 s"),
        (120.0, "2 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h"),
        (86399.0, "23 h"),
        (86400.0, "1 d"),
        (None, "—"),
    ],
)
def test_age_when_formatted_then_one_unit_rounded_down(age_s: float | None, text: str) -> None:
    assert plain(format_age(age_s)) == text


def test_moment_when_in_another_zone_then_shown_in_utc() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))

    text = format_moment(datetime(2026, 1, 2, 5, 30, tzinfo=kolkata))

    assert text == "2026-01-02 00:00:00 UTC"


def test_iso_when_whole_second_then_six_digits_and_z() -> None:
    assert format_iso(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
