"""/api/offset says the same from rollups, from rows, and from some of both."""

import asyncio
import math
import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from ntp_checker.rollup import roll_up_all
from ntp_checker.store.pool import open_checker_pool
from tests.fleet_rows import FleetHost, add_host, make_partitions, put_samples, wandering_offsets

Connection = psycopg.Connection[tuple[Any, ...]]
RollUp = Callable[[], None]
DAYS = 16
INTERVAL_S = 300
_MARK_ALL = """
INSERT INTO metrics.rollup_{0}_dirty
SELECT DISTINCT host_id, date_bin('{1}', slot_at, 'epoch')
  FROM metrics.ntp_parent WHERE slot_at >= %(from_at)s AND slot_at < %(to_at)s
"""
_WIDTHS = {"5m": "5 minutes", "30m": "30 minutes", "2h": "2 hours"}
PERCENTILES = ("p01", "p05", "p50", "p95", "p99")


@pytest.fixture
def roll_up(database_url: str) -> RollUp:
    async def compute() -> None:
        pool = await open_checker_pool(database_url)
        await roll_up_all(pool)
        await pool.close()

    return lambda: asyncio.run(compute())


@pytest.fixture
def until_at(conn: Connection) -> datetime:
    """Two hosts with 16 days of samples up to now, without rollups."""
    now_at = datetime.now(UTC)
    make_partitions(conn, now_at - timedelta(days=DAYS + 1))
    for number, name in enumerate(("a", "b")):
        offsets = wandering_offsets(
            until_at=now_at,
            length=timedelta(days=DAYS),
            interval_s=INTERVAL_S,
            size_s=5e-5,
            seed=number,
        )
        # A clock that is not set now and then.
        for slot_at in list(offsets)[::37]:
            offsets[slot_at] = None
        put_samples(conn, add_host(conn, FleetHost(name=name, interval_s=INTERVAL_S)), offsets)
    return now_at


def mark(conn: Connection, from_at: datetime, to_at: datetime) -> None:
    for name, width in _WIDTHS.items():
        statement = _MARK_ALL.format(name, width).encode()
        conn.execute(statement, {"from_at": from_at, "to_at": to_at})


def answers(client: FlaskClient, until_at: datetime) -> dict[str, Any]:
    """Every range of one host, of two and of the fleet, and custom ones; without the clock.

    All of them end at the same moment, however long the test takes.
    """
    found = {}
    for who in ("", "&host=a", "&host=b&host=a"):
        for query in ("range=24h", "range=14d", "range=90d", "range=14d&max_points=5000"):
            until = f"to={until_at.timestamp():.0f}"
            answer = client.get(f"/api/offset?{query}{who}&{until}")
            assert answer.status_code == 200, answer.text
            found[f"{query}{who}"] = answer.json["series"]
    return found


def test_answer_when_rolled_up_is_that_of_the_rows(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    from_rows = answers(client, until_at)
    assert sum(from_rows["range=14d"][0]["n"]) > 5_000

    mark(conn, until_at - timedelta(days=40), until_at + timedelta(hours=1))
    while_marked = answers(client, until_at)
    roll_up()
    rolled = answers(client, until_at)

    assert while_marked == from_rows
    assert rolled == from_rows


def test_answer_when_half_of_it_has_rollups_is_that_of_the_rows(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    from_rows = answers(client, until_at)

    mark(conn, until_at - timedelta(days=5), until_at - timedelta(hours=3))
    roll_up()

    assert answers(client, until_at) == from_rows


def test_answer_after_a_late_row_has_it_before_and_after_the_rollup(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    mark(conn, until_at - timedelta(days=40), until_at + timedelta(hours=1))
    roll_up()
    late_at = until_at - timedelta(days=7, seconds=1.5)
    (host_id,) = conn.execute("SELECT host_id FROM metrics.host WHERE name = 'a'").fetchone() or (
        0,
    )
    put_samples(conn, host_id, {late_at: 0.5})
    mark(conn, late_at, late_at + timedelta(seconds=1))

    before = answers(client, until_at)
    roll_up()

    for query in ("range=14d", "range=14d&host=a", "range=90d"):
        assert max(x for x in before[query][0]["max"] if x is not None) == 500_000_000
    assert answers(client, until_at) == before


def test_rollups_when_there_are_some_are_what_is_read(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    mark(conn, until_at - timedelta(days=40), until_at + timedelta(hours=1))
    roll_up()
    conn.execute("UPDATE metrics.rollup_2h SET offset_p50_s = 1.25")

    medians = {x for x in answers(client, until_at)["range=90d&host=a"][0]["p50"] if x is not None}

    assert medians == {1_250_000_000}


def test_days_whose_rows_were_dropped_are_read_from_rollups(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    mark(conn, until_at - timedelta(days=40), until_at + timedelta(hours=1))
    roll_up()
    before = answers(client, until_at)

    conn.execute("SELECT metrics.maintain_partitions(3, 1)")

    assert answers(client, until_at) == before
    at = until_at - timedelta(days=10)
    fine = client.get(
        f"/api/offset?host=a&from={int(at.timestamp())}&to={int(at.timestamp()) + 7200}"
    ).json
    assert fine["resolution_s"] == 300
    assert sum(fine["series"][0]["n"]) > 15


def test_buckets_wider_than_rollups_merge_all_but_percentiles(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    mark(conn, until_at - timedelta(days=40), until_at + timedelta(hours=1))
    roll_up()
    days = "range=90d&max_points=100&host=a"
    rows = dict(
        conn.execute(
            "SELECT slot_at, round(system_offset_s * 1e9)::float8 FROM metrics.ntp"
            " WHERE host = 'a' AND error_bound_s IS NOT NULL AND slot_at > '2020-01-01'"
        ).fetchall()
    )

    answer = client.get(f"/api/offset?{days}").json
    one = answer["series"][0]

    assert answer["resolution_s"] == 86_400
    at = one["t"].index(int((until_at - timedelta(days=4)).timestamp()) // 86_400 * 86_400)
    inside = [
        v for slot, v in rows.items() if int(slot.timestamp()) // 86_400 * 86_400 == one["t"][at]
    ]
    assert one["n"][at] == len(inside) > 200
    assert (one["min"][at], one["max"][at]) == (min(inside), max(inside))
    assert math.isclose(one["mean"][at], statistics.fmean(inside), abs_tol=1)
    assert math.isclose(one["stddev"][at], statistics.stdev(inside), abs_tol=2)
    assert [one[name][at] for name in PERCENTILES] == [None] * 5


def test_wide_buckets_of_a_short_range_come_from_rows_with_percentiles(
    client: FlaskClient, conn: Connection, until_at: datetime, roll_up: RollUp
) -> None:
    mark(conn, until_at - timedelta(days=40), until_at + timedelta(hours=1))
    roll_up()

    answer = client.get("/api/offset?range=14d&max_points=60&host=a").json

    assert answer["resolution_s"] == 21_600
    assert all(x is not None for x in answer["series"][0]["p50"][:5])
