"""From the spool into PostgreSQL: each slot once, whatever happens on the way."""

import asyncio
import functools
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ntp_checker.codec import contract
from ntp_checker.empty_slot import empty_slot
from ntp_checker.errors import ConfigError, StoreError
from ntp_checker.model import FailureKind, HasGps, Host, JudgedSample
from ntp_checker.resources import sql_path
from ntp_checker.store.hosts import note_configs, sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer, WriterRow, write_batch
from tests.postgres import PostgresServer
from tests.sample_factory import gps_report, judged_sample, source, tracking

Conn = psycopg.Connection[tuple[Any, ...]]
WAIT_S = 30.0

pytestmark = pytest.mark.asyncio


START_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)


def slot(number: int) -> datetime:
    """Slots of one host, a second apart, from half a minute before the tests."""
    return START_AT + timedelta(seconds=number)


async def take(pool: CheckerPool, *names: str) -> dict[str, int]:
    """Watches these hosts; epoch by name."""
    async with pool.connection() as conn:
        ids = await sync_hosts(conn, [Host(name=name, address=name) for name in names])
        epochs = await take_all(conn, "checker-1", ids.values())
    return {name: epochs[ids[name]] for name in names}


async def store(pool: CheckerPool, epoch: int, *samples: JudgedSample) -> int:
    async with pool.connection() as conn:
        return await write_batch(
            conn, [WriterRow(lease_epoch=epoch, judged=judged) for judged in samples]
        )


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.02)


def has(found: set[Any], number: int) -> bool:
    return len(found) >= number


def rows(conn: Conn, columns: str = "slot_at, status, failure_kind") -> list[tuple[Any, ...]]:
    query = sql.SQL(
        "SELECT {} FROM metrics.ntp WHERE slot_at > '2000-01-01' ORDER BY host, slot_at"
    )
    names = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
    return conn.execute(query.format(names)).fetchall()


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
    new = await take(checker_pool, "h")
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


async def test_day_without_a_partition_gets_one_from_the_writer(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epochs = await take(checker_pool, "h")
    days = [datetime(2031, 5, day, 12, tzinfo=UTC) for day in (1, 2)]
    for at in days:
        await spool.append(judged_sample("h", at), epochs["h"])

    assert await Writer(spool, checker_pool).write_once() == 2

    assert [at for at, *_ in rows(conn)] == days


@pytest.mark.parametrize(
    "poison",
    [
        {"tracking": tracking(last_offset_s=math.nan)},
        {"tracking": tracking(rms_offset_s=math.inf)},
        {"tracking": tracking(ref_name="a\0b")},
        {"tracking": tracking(ref_name="\ud800")},
        {"tracking": tracking(stratum=70_000)},
        {"tracking": tracking(root_delay_s=1e300)},
        {"tracking": tracking(refid="not hex")},
        {"sources": (source(address="x\0"),)},
        {"gps": gps_report(satellites_used=10**12)},
    ],
    ids=["nan", "inf", "nul", "surrogate", "big", "huge", "refid", "nul-in-jsonb", "bigint"],
)
async def test_poison_row_leaves_a_rejected_slot_and_the_batch_goes_on(
    conn: Conn, checker_pool: CheckerPool, spool: Spool, poison: dict[str, Any]
) -> None:
    epochs = await take(checker_pool, "a", "bad", "c")
    for name, changed in (("a", {}), ("bad", poison), ("c", {})):
        await spool.append(judged_sample(name, slot(0), **changed), epochs[name])

    assert await Writer(spool, checker_pool).write_once() == 3

    assert [(status, kind) for _, status, kind in rows(conn)] == [
        ("warning", None), ("unknown", "rejected"), ("warning", None)
    ]  # fmt: skip
    assert spool.depth == 0
    with closing(sqlite3.connect(spool.path)) as file:
        kept = file.execute("SELECT host, reason, payload FROM rejected").fetchall()
    assert [(host, bool(reason), b"bad" in payload) for host, reason, payload in kept] == [
        ("bad", True, True)
    ]


async def test_payload_that_is_damaged_leaves_a_rejected_slot(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epochs = await take(checker_pool, "h")
    await spool.append(judged_sample("h", slot(0)), epochs["h"])
    with closing(sqlite3.connect(spool.path)) as file:
        file.execute("UPDATE sample SET payload = x'00ff'")
        file.commit()

    await Writer(spool, checker_pool).write_once()

    assert rows(conn) == [(slot(0), "unknown", "rejected")]


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


async def test_answer_that_was_lost_after_the_commit_doubles_nothing(
    conn: Conn, checker_pool: CheckerPool, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = await take(checker_pool, "h")
    for n in range(20):
        await spool.append(judged_sample("h", slot(n)), epochs["h"])
    writer = Writer(spool, checker_pool)

    async def lose(_: Sequence[int]) -> None:
        raise StoreError("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(spool, "mark_committed", lose)
        with pytest.raises(StoreError):
            await writer.write_once()
    assert (len(rows(conn)), spool.depth) == (20, 20)

    assert await writer.write_once() == 20

    assert (len(rows(conn)), spool.depth) == (20, 0)


async def test_writer_when_told_to_stop_stores_what_is_spooled(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epochs = await take(checker_pool, "h")
    stop = asyncio.Event()
    running = asyncio.create_task(Writer(spool, checker_pool).run(stop))
    await spool.append(judged_sample("h", slot(0)), epochs["h"])
    await until(lambda: spool.depth == 0)
    await spool.append(judged_sample("h", slot(1)), epochs["h"])

    stop.set()
    await running

    assert spool.depth == 0
    assert len(rows(conn)) == 2


async def test_hosts_that_leave_are_marked_and_learnt_gps_stays(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await take(checker_pool, "a", "b")
    conn.execute("UPDATE metrics.host SET has_gps = 'yes' WHERE name = 'a'")

    ids = await take(checker_pool, "a", "c")
    async with checker_pool.connection() as async_conn:
        again = await sync_hosts(async_conn, [Host(name="b", address="b2", has_gps=HasGps.NO)])

    assert ids.keys() == {"a", "c"}
    found = conn.execute(
        "SELECT host_id, name, target, has_gps, removed_at IS NULL FROM metrics.host ORDER BY name"
    ).fetchall()
    assert [row[1:] for row in found] == [
        ("*", "", "no", True),
        ("a", "a", "yes", False),
        ("b", "b2", "no", True),
        ("c", "c", "auto", False),
    ]
    assert again == {"b": found[2][0]}


async def test_host_with_the_fleets_name_is_refused(checker_pool: CheckerPool) -> None:
    with pytest.raises(ConfigError, match=r"\*"):
        await take(checker_pool, "*")


async def test_host_config_gets_a_row_only_when_it_changes(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    host = Host(name="h", address="h")
    changed = replace(host, limits=replace(host.limits, offset_warning_s=0.001))
    async with checker_pool.connection() as async_conn:
        ids = await sync_hosts(async_conn, [host])
        for wanted in (host, host, changed, changed):
            await note_configs(async_conn, [wanted], ids, interval_s=30.0)

    found = conn.execute(
        "SELECT (config->'limits'->>'offset_warning_s')::float8, (config->>'interval_s')::float8"
        " FROM metrics.host_config ORDER BY valid_from"
    ).fetchall()
    assert found == [(0.01, 30.0), (0.001, 30.0)]


async def test_database_killed_in_mid_batch_and_back_leaves_one_row_per_slot(
    own_postgres: PostgresServer, spool: Spool
) -> None:
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    pool = await open_checker_pool(own_postgres.url())
    epochs = await take(pool, *(f"h{n}" for n in range(50)))
    stop = asyncio.Event()
    running = asyncio.create_task(Writer(spool, pool).run(stop))
    is_over = asyncio.Event()
    expected = set()

    async def look() -> None:
        number = 0
        while not is_over.is_set():
            at = slot(0) + timedelta(milliseconds=number)
            number += 1
            for name in epochs:
                expected.add((name, at))
            await asyncio.gather(
                *(spool.append(judged_sample(name, at), epochs[name]) for name in epochs)
            )

    looking = asyncio.create_task(look())
    for _ in range(3):
        await until(lambda: 0 < spool.depth < 1_000_000)
        await asyncio.to_thread(own_postgres.kill)
        wanted = len(expected) + 200
        await until(functools.partial(has, expected, wanted))
        await asyncio.to_thread(own_postgres.start)
    is_over.set()
    await looking
    await until(lambda: spool.depth == 0)
    stop.set()
    await running
    await pool.close()

    with psycopg.connect(own_postgres.url()) as conn:
        conn.execute("SET timezone = 'UTC'")
        found = [(name, at) for name, at in rows(conn, "host, slot_at")]
    assert len(found) == len(set(found))
    assert set(found) == expected


async def test_writer_when_the_database_is_frozen_still_stops_in_time(
    own_postgres: PostgresServer, spool: Spool
) -> None:
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    pool = await open_checker_pool(own_postgres.url())
    epochs = await take(pool, "h")
    stop = asyncio.Event()
    running = asyncio.create_task(Writer(spool, pool).run(stop))
    own_postgres.freeze()
    try:
        asked = pool.get_stats()["requests_num"]
        await spool.append(judged_sample("h", slot(0)), epochs["h"])
        await until(lambda: pool.get_stats()["requests_num"] > asked)
        before_s = time.monotonic()
        stop.set()
        await running
        took_s = time.monotonic() - before_s
    finally:
        own_postgres.thaw()
        await pool.close()

    assert took_s < 4.5
    assert spool.depth == 1
