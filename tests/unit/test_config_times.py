"""Moments and lengths as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.config.times import read_length, read_moment


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90min", timedelta(minutes=90)),
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        (" 1D12h ", timedelta(days=1, hours=12)),
        ("1w2d3h4min", timedelta(days=9, hours=3, minutes=4)),
    ],
)
def test_length_when_written_then_read(text: str, length: timedelta) -> None:
    assert read_length(text) == length


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2 h", "0h", "1h2d", "2s", "1e3h", "\N{FULLWIDTH DIGIT NINE}h"]
)
def test_length_when_it_is_none_then_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no length of time"):
        read_length(text)


@pytest.mark.parametrize("text", ["2026-01-02T03:04Z", "2026-01-02 05:04:00+02:00"])
def test_moment_when_written_then_in_utc(text: str) -> None:
    assert read_moment(text) == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert read_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tomorrow", "no moment"),
        ("2026-01-02T03:04", "needs a zone"),
        ("2026-01-02", "needs a zone"),
        ("0001-01-01T00:00+14:00", "outside of the calendar"),
    ],
)
def test_moment_when_it_is_none_then_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_moment(text)
