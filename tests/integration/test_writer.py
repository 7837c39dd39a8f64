"""From the spool into PostgreSQL: each slot once, whatever happens on the way."""

from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.codec import contract
from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import FailureKind
from ntp_checker.store.pool import CheckerPool
from tests.sample_factory import judged_sample, tracking
from tests.stored_samples import Conn, rows, slot, store, take

pytestmark = pytest.mark.asyncio


async def test_sample_when_written_has_its_numbers_as_words_in_the_view(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "gps1")
    at = slot(0)

    await store(checker_pool, epochs["gps1"], judged_sample("gps1", at))

    found = rows(
        conn,
        "host, slot_at, status, warnings, criticals, leap, refid, stratum, system_offset_s,"
        " freq_ppm, error_bound_s, source_std_dev_s, sources_total, sources_usable,"
        " sources_reachable, sources_falseticker, gps_mode, satellites_used, satellites_seen,"
        " failure_part",
    )
    assert found == [
        ("gps1", at, "warning", ["falseticker"], [], "normal", "50505300", 1, 1.25e-7,
         -12.345, 0.0007, 3e-7, 2, 1, 1, 1, "fix_3d", 1, 2, None)
    ]  # fmt: skip


async def test_latest_when_put_together_is_the_contracts_json(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "gps1")
    judged = judged_sample("gps1", slot(0))

    await store(checker_pool, epochs["gps1"], judged)

    found = conn.execute("SELECT sample, sources, satellites FROM metrics.latest").fetchone()
    assert found
    sample, sources, satellites = found
    assert "sources" not in sample
    assert "satellites" not in sample["gps"]
    sample["sources"], sample["gps"]["satellites"] = sources, satellites
    assert sample == contract(judged)


async def test_look_without_sources_or_gps_leaves_nulls_not_empty_lists(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")

    await store(checker_pool, epochs["h"], judged_sample("h", slot(0), sources=None, gps=None))

    found = conn.execute(
        "SELECT sources IS NULL, satellites IS NULL, sample->'gps' = 'null' FROM metrics.latest"
    ).fetchone()
    assert found == (True, True, True)
    assert rows(conn, "sources_total, gps_mode") == [(None, None)]


async def test_batch_when_written_twice_is_stored_once(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "a", "b")
    batch = [judged_sample(name, slot(n)) for name in ("a", "b") for n in range(3)]

    new = [await store(checker_pool, epochs["a"], *batch) for _ in range(2)]

    assert new == [6, 0]
    assert len(rows(conn)) == 6


async def test_slot_twice_in_one_batch_keeps_the_first(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    first = judged_sample("h", slot(0))
    second = judged_sample("h", slot(0), tracking=tracking(stratum=9))

    assert await store(checker_pool, epochs["h"], first, second) == 1

    found = conn.execute("SELECT sample->'tracking'->>'stratum' FROM metrics.latest").fetchone()
    assert found == (str(rows(conn, "stratum")[0][0]),)


async def test_late_row_is_stored_but_does_not_touch_latest(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    await store(checker_pool, epochs["h"], judged_sample("h", slot(5)))

    await store(checker_pool, epochs["h"], judged_sample("h", slot(2)))

    assert len(rows(conn)) == 2
    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(slot(5),)]


async def test_row_of_a_lost_lease_is_stored_but_does_not_touch_latest(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    old = await take(checker_pool, "h")
    new = await take(checker_pool, "h", owner="checker-2")
    await store(checker_pool, new["h"], judged_sample("h", slot(1)))

    await store(checker_pool, old["h"], judged_sample("h", slot(9)))

    assert new["h"] == old["h"] + 1
    assert len(rows(conn)) == 2
    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(slot(1),)]


async def test_slots_around_utc_midnight_lie_in_their_own_days(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    late, early = midnight - timedelta(microseconds=1), midnight

    await store(checker_pool, epochs["h"], judged_sample("h", late), judged_sample("h", early))

    found = conn.execute(
        "SELECT tableoid::regclass::text FROM metrics.ntp_parent ORDER BY slot_at"
    ).fetchall()
    assert found == [(f"metrics.ntp_{at:%Y%m%d}",) for at in (late, early)]


async def test_missed_slot_has_a_row_that_says_so(conn: Conn, checker_pool: CheckerPool) -> None:
    epochs = await take(checker_pool, "h")
    missed = empty_slot("h", slot(0), FailureKind.MISSED, "no checker was running")

    await store(checker_pool, epochs["h"], missed)

    assert rows(conn, "status, failure_kind, taken_at") == [("unknown", "missed", None)]


async def test_sample_of_a_host_this_database_never_saw_is_stored_as_a_removed_hosts(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await store(checker_pool, 1, judged_sample("gone", slot(0)))

    assert len(rows(conn)) == 1
    found = conn.execute("SELECT removed_at IS NOT NULL FROM metrics.host WHERE name = 'gone'")
    assert found.fetchall() == [(True,)]
