from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.web.arguments import (
    MAX_HOSTS,
    BadArgument,
    OffsetQuery,
    read_offset_query,
    read_view,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def query(**arguments: str | list[str]) -> OffsetQuery:
    given = {
        name.rstrip("_"): value if isinstance(value, list) else [value]
        for name, value in arguments.items()
    }
    return read_offset_query(given, NOW)


@pytest.mark.parametrize(
    ("name", "resolution_s", "buckets"),
    [("24h", 60, 1440), ("14d", 1800, 672), ("90d", 7200, 1080)],
)
def test_range_when_named_then_buckets_of_its_own_width(
    name: str, resolution_s: int, buckets: int
) -> None:
    window = query(range=name).window(30.0)

    assert (window.resolution_s, window.buckets) == (resolution_s, buckets)


def test_range_when_left_out_then_the_last_24_hours() -> None:
    window = query().window(30.0)

    assert window.to_s - window.from_s == 86400
    assert 0 <= window.to_s - NOW.timestamp() < window.resolution_s


def test_window_when_slots_are_rare_then_buckets_are_no_narrower() -> None:
    assert query().window(120.0).resolution_s == 300


@pytest.mark.parametrize("points", [1, 2, 100, 1440, 10_000])
@pytest.mark.parametrize("name", ["24h", "14d", "90d"])
def test_window_when_points_are_limited_then_never_more(name: str, points: int) -> None:
    asked = query(range=name, max_points=str(points))
    try:
        window = asked.window(1.0)
    except BadArgument:
        assert points < timedelta(days=int(name[:-1]) if name != "24h" else 1).days
    else:
        assert 1 <= window.buckets <= points


def test_window_when_from_and_to_are_given_then_covers_both() -> None:
    asked = query(from_="2026-03-01T00:00:01Z", to="2026-03-01T01:00:01Z")
    window = asked.window(30.0)

    assert asked.range_name == "custom"
    assert window.from_s <= asked.from_at.timestamp()
    assert window.to_s >= asked.to_at.timestamp()
    assert window.from_s % window.resolution_s == window.to_s % window.resolution_s == 0


@pytest.mark.parametrize(
    "text", ["2026-03-01T01:00:00+01:00", "2026-03-01T01:00:00 01:00", "1772323200"]
)
def test_moment_when_in_any_form_then_the_same(text: str) -> None:
    assert query(from_=text).from_at == datetime(2026, 3, 1, tzinfo=UTC)


def test_from_when_with_a_range_then_that_long() -> None:
    asked = query(from_="2026-01-01T00:00:00Z", range="14d")

    assert asked.to_at - asked.from_at == timedelta(days=14)


@pytest.mark.parametrize(
    "arguments",
    [
        {"range": "1y"},
        {"range": ""},
        {"range": ["24h", "14d"]},
        {"from_": "yesterday"},
        {"from_": "2026-03-01T00:00:00"},
        {"from_": "99999999999"},
        {"from_": "-1"},
        {"from_": "1e9"},
        {"from_": "٣"},
        {"from_": "1999-12-31T23:59:59Z"},
        {"to": "2026-03-06T00:00:00Z"},
        {"from_": "2026-03-02T00:00:00Z", "to": "2026-03-02T00:00:00Z"},
        {"from_": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"from_": "2024-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"from_": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z", "range": "24h"},
        {"max_points": "0"},
        {"max_points": "10001"},
        {"max_points": "1.5"},
        {"max_points": "٣"},
        {"max_points": "9" * 5000},
        {"host": ""},
        {"host": "a\x00b"},
        {"host": "x" * 256},
        {"host": [f"h{number}" for number in range(MAX_HOSTS + 1)]},
        {"hosts": "a"},
    ],
)
def test_argument_when_absurd_then_refused(arguments: dict[str, str | list[str]]) -> None:
    with pytest.raises(BadArgument):
        query(**arguments)


def test_host_when_given_twice_then_read_once() -> None:
    assert query(host=["a", "b", "a"]).hosts == ["a", "b"]


def test_view_when_unknown_then_refused() -> None:
    with pytest.raises(BadArgument, match="summary"):
        read_view({"view": ["whole"]})
