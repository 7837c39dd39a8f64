"""Rollups are what their rows say, in whatever order those came."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from ntp_checker.model import JudgedSample
from ntp_checker.resources import sql_path
from ntp_checker.rollup import roll_up, roll_up_all, run_rollups
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.rollups import TIER_2H, TIER_5M
from tests.rollup_check import bucket_count, differing_buckets
from tests.sample_factory import judged_sample, tracking
from tests.stored_samples import Conn, store, take, until

pytestmark = pytest.mark.asyncio

#: Start of a bucket of every tier, all of it in the past.
BUCKET_AT = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 7200 * 7200 - 7200, UTC)


def looked(host: str, second: float, offset_s: float | None) -> JudgedSample:
    """A look this long after BUCKET_AT; an offset of None is a clock that is not set."""
    judged = judged_sample(
        host,
        BUCKET_AT + timedelta(seconds=second),
        tracking=tracking(system_offset_s=offset_s or 0.0),
    )
    if offset_s is None:
        return replace(judged, verdict=replace(judged.verdict, error_bound_s=None))
    return judged


def offsets_of(conn: Conn, host_id: int) -> tuple[object, ...]:
    found = conn.execute(
        "SELECT planned, offset_n, offset_min_s, offset_p50_s, offset_max_s"
        " FROM metrics.rollup_5m WHERE host_id = %s AND bucket_at = %s",
        (host_id, BUCKET_AT),
    ).fetchone()
    assert found
    return found


def dirty_marks(conn: Conn) -> int:
    found = conn.execute(
        "SELECT (SELECT count(*) FROM metrics.rollup_5m_dirty)"
        " + (SELECT count(*) FROM metrics.rollup_30m_dirty)"
        " + (SELECT count(*) FROM metrics.rollup_2h_dirty)"
    ).fetchone()
    assert found
    return int(found[0])  # type: ignore[call-overload]  # a count


async def test_bucket_when_computed_has_the_figures_of_its_rows_alone(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a", "b")
    rows = [looked("a", second, second * 1e-6) for second in (0, 10, 299.999, 300)]

    await store(checker_pool, epochs["a"], *rows, looked("b", 5, 1.0))
    await roll_up_all(checker_pool)

    ids = dict(conn.execute("SELECT name, host_id FROM metrics.host").fetchall())
    assert offsets_of(conn, ids["a"]) == pytest.approx((3, 3, 0.0, 10e-6, 299.999e-6))
    assert offsets_of(conn, 0) == pytest.approx((4, 4, 0.0, 154.9995e-6, 1.0))
    assert differing_buckets(conn) == []
    assert dirty_marks(conn) == 0


@pytest.mark.parametrize("column", ["planned", "offset_p99_s", "offset_m2_s2", "freq_mean_ppm"])
async def test_check_of_buckets_finds_one_that_is_wrong(
    conn: Conn, checker_pool: CheckerPool, column: str
) -> None:
    epochs = await take(checker_pool, "a")
    await store(checker_pool, epochs["a"], *(looked("a", n, n * 1e-6) for n in range(9)))
    await roll_up_all(checker_pool)
    conn.execute(
        sql.SQL("UPDATE metrics.rollup_30m SET {0} = {0} * 1.2 WHERE host_id = 0").format(
            sql.Identifier(column)
        )
    )

    assert differing_buckets(conn) == [("rollup_30m", 0, int(BUCKET_AT.timestamp()))]


async def test_clock_that_is_not_set_is_counted_but_its_zero_is_no_offset(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a")

    await store(checker_pool, epochs["a"], looked("a", 0, None), looked("a", 1, 5e-3))
    await roll_up_all(checker_pool)

    assert offsets_of(conn, 0) == (2, 1, 5e-3, 5e-3, 5e-3)
    assert differing_buckets(conn) == []


async def test_late_row_and_a_batch_sent_again_leave_the_bucket_right(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a")
    on_time = [looked("a", second, 1e-6) for second in (10, 20, 30)]
    await store(checker_pool, epochs["a"], *on_time)
    await roll_up_all(checker_pool)

    await store(checker_pool, epochs["a"], looked("a", 15, 9e-6))
    await store(checker_pool, epochs["a"], *on_time, looked("a", 15, 7.0))
    await roll_up_all(checker_pool)

    assert offsets_of(conn, 0) == (4, 4, 1e-6, 1e-6, 9e-6)
    assert differing_buckets(conn) == []


async def test_batch_sent_again_marks_nothing(conn: Conn, checker_pool: CheckerPool) -> None:
    epochs = await take(checker_pool, "a")
    for _ in range(2):
        await store(checker_pool, epochs["a"], looked("a", 0, 0.0), looked("a", 1, 0.0))

    assert dirty_marks(conn) == 3


async def test_row_stored_while_its_bucket_is_computed_is_not_lost(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    """The mark of a transaction that is not over stays for the next run."""
    epochs = await take(checker_pool, "a")
    await store(checker_pool, epochs["a"], looked("a", 0, 1e-6))
    async with checker_pool.connection() as slow, slow.transaction():
        await slow.execute(
            "INSERT INTO metrics.ntp_parent"
            " (host_id, slot_at, warning_bits, critical_bits, status)"
            " SELECT host_id, %s, 0, 0, 3 FROM metrics.lease",
            (BUCKET_AT + timedelta(seconds=7),),
        )
        await slow.execute(
            "INSERT INTO metrics.rollup_5m_dirty SELECT host_id, %s FROM metrics.lease",
            (BUCKET_AT,),
        )
        await roll_up(checker_pool, TIER_5M)
        assert offsets_of(conn, 0)[0] == 1

    await roll_up(checker_pool, TIER_5M)

    assert offsets_of(conn, 0)[0] == 2


async def test_second_checker_leaves_a_tier_to_the_first(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a")
    await store(checker_pool, epochs["a"], looked("a", 0, 1e-6))
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(x'6e74705f726f6c00'::bigint)")
        assert await roll_up(checker_pool, TIER_5M) is False
        assert dirty_marks(conn) == 3
        await roll_up(checker_pool, TIER_2H)
        assert dirty_marks(conn) == 2

    await roll_up(checker_pool, TIER_5M)

    assert dirty_marks(conn) == 1


async def test_run_is_bounded_and_takes_the_newest_first(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a", "b", "c")
    rows = [looked(name, 300 * n, 1e-6) for name in ("a", "b", "c") for n in range(5)]
    await store(checker_pool, epochs["a"], *rows)
    small = replace(TIER_5M, max_buckets=7)

    assert await roll_up(checker_pool, small) is True

    found = conn.execute(
        "SELECT DISTINCT bucket_at FROM metrics.rollup_5m ORDER BY bucket_at"
    ).fetchall()
    assert found == [(BUCKET_AT + timedelta(seconds=300 * n),) for n in (3, 4)]
    while await roll_up(checker_pool, small):
        pass
    await roll_up_all(checker_pool)
    assert differing_buckets(conn) == []


async def test_bucket_whose_rows_were_dropped_keeps_its_figures(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a")
    old_at = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    old_at -= timedelta(days=5)
    conn.execute("SELECT metrics.create_daily_partition(%s)", (old_at.date(),))
    samples = [judged_sample("a", old_at + timedelta(seconds=n)) for n in range(10)]
    await store(checker_pool, epochs["a"], *samples)
    await roll_up_all(checker_pool)
    before = conn.execute("SELECT * FROM metrics.rollup_2h ORDER BY host_id").fetchall()
    conn.execute("SELECT metrics.maintain_partitions(3, 1)")

    conn.execute("SELECT metrics.create_daily_partition(%s)", (old_at.date(),))
    late = judged_sample("a", old_at + timedelta(seconds=20))
    assert await store(checker_pool, epochs["a"], late) == 1
    await roll_up_all(checker_pool)

    assert conn.execute("SELECT * FROM metrics.rollup_2h ORDER BY host_id").fetchall() == before
    assert before[0][1] == 10
    assert dirty_marks(conn) == 0


async def test_days_are_not_dropped_while_their_rollups_are_computed(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    conn.execute("SELECT metrics.create_daily_partition('2001-01-01')")
    async with checker_pool.connection() as computing, computing.transaction():
        await computing.execute("SELECT kept_from_at FROM metrics.raw_retention FOR SHARE")
        outcomes = conn.execute(
            "SELECT outcome FROM metrics.maintain_partitions(3, 0) WHERE action = 'drop'"
        ).fetchall()

    assert outcomes == [("busy",)]


async def test_job_keeps_the_bucket_that_is_being_filled_current(
    conn: Conn, checker_pool: CheckerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.rollup.RUNS_PER_BUCKET", 72_000)
    epochs = await take(checker_pool, "a")
    stop = asyncio.Event()
    running = asyncio.create_task(run_rollups(checker_pool, stop))
    for number in range(3):
        at = datetime.now(UTC)
        await store(checker_pool, epochs["a"], judged_sample("a", at))
        await until(lambda: dirty_marks(conn) == 0)
        assert differing_buckets(conn) == []
        assert bucket_count(conn) >= 6, number
    stop.set()
    await running


async def test_migrated_database_has_marks_for_all_that_it_holds(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    """What 0002 does once, done here to rows that have no marks."""
    epochs = await take(checker_pool, "a")
    await store(checker_pool, epochs["a"], *(looked("a", 60 * n, n * 1e-6) for n in range(100)))
    conn.execute("TRUNCATE metrics.rollup_5m_dirty, metrics.rollup_30m_dirty,"
                 " metrics.rollup_2h_dirty")  # fmt: skip
    conn.execute(_marks_of_0002())
    await roll_up_all(checker_pool)

    assert bucket_count(conn) == 2 * (20 + 4 + 1)
    assert differing_buckets(conn) == []


def _marks_of_0002() -> bytes:
    text = (sql_path("migrations") / "0002_rollups.sql").read_text()
    start = text.index("INSERT INTO metrics.rollup_5m_dirty")
    return text[start : text.index("SELECT metrics.grant_access")].encode()
