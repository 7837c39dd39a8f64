"""What is older than the archive's days goes; what was true at its edge stays known."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.maintenance import maintain_once
from ntp_checker.store.pool import CheckerPool
from tests.stored_samples import Conn, take

pytestmark = pytest.mark.asyncio

EDGE_AT = datetime.now(UTC) - timedelta(days=30)


def days_before_edge(days: float) -> datetime:
    return EDGE_AT - timedelta(days=days)


@pytest.fixture
def put(conn: Conn) -> Callable[[str, float, bool], None]:
    """Puts in a change of a source of the one host."""

    def insert(address: str, days: float, present: bool) -> None:
        conn.execute(
            "INSERT INTO metrics.source_change (host_id, slot_at, mode, address, present)"
            " SELECT host_id, %s, 0, %s, %s FROM metrics.host WHERE name = 'h'",
            (days_before_edge(days), address, present),
        )

    return insert


async def prune(pool: CheckerPool) -> None:
    await maintain_once(pool, retention_days=90, premake_days=1, archive_days=30)


@pytest.mark.parametrize("table", ["rollup_5m", "rollup_30m", "rollup_2h"])
async def test_rollups_of_hosts_and_fleet_go_when_they_are_old(
    conn: Conn, checker_pool: CheckerPool, table: str
) -> None:
    await take(checker_pool, "h")
    for days in (0.1, -0.1):
        conn.execute(
            f"INSERT INTO metrics.{table} (host_id, bucket_at, planned, looked, warning,"  # noqa: S608
            " critical, unknown, no_fix, offset_n)"
            " SELECT host_id, %s, 1, 1, 0, 0, 0, 0, 1 FROM metrics.host",
            (days_before_edge(days),),
        )

    await prune(checker_pool)

    left = conn.execute(f"SELECT bucket_at FROM metrics.{table}").fetchall()  # noqa: S608
    assert left == [(days_before_edge(-0.1),)] * 2


async def test_evidence_goes_when_it_is_old(conn: Conn, checker_pool: CheckerPool) -> None:
    await take(checker_pool, "h")
    for days in (0.1, -0.1):
        conn.execute(
            "INSERT INTO metrics.evidence (host_id, slot_at, part, taken_at, raw_text)"
            " SELECT host_id, %(at)s, 1, %(at)s, 'x' FROM metrics.host WHERE name = 'h'",
            {"at": days_before_edge(days)},
        )

    await prune(checker_pool)

    left = conn.execute("SELECT slot_at FROM metrics.evidence").fetchall()
    assert left == [(days_before_edge(-0.1),)]


async def test_last_change_before_the_edge_stays_for_each_source_that_is_there(
    conn: Conn, checker_pool: CheckerPool, put: Callable[[str, float, bool], None]
) -> None:
    await take(checker_pool, "h")
    for days in (3, 2, 1, -1):
        put("steady", days, True)
    put("gone", 3, True)
    put("gone", 2, False)
    put("quiet", 300, True)
    put("left later", 5, True)
    put("left later", -2, False)

    await prune(checker_pool)

    left = conn.execute("SELECT address, slot_at FROM metrics.source_change").fetchall()
    assert sorted(left) == sorted(
        [
            ("steady", days_before_edge(1)),
            ("steady", days_before_edge(-1)),
            ("quiet", days_before_edge(300)),
            ("left later", days_before_edge(5)),
            ("left later", days_before_edge(-2)),
        ]
    )
