"""The writer when something goes wrong: each slot still has exactly one row."""

import asyncio
import functools
import math
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import structlog

from ntp_checker.errors import StoreError
from ntp_checker.resources import sql_path
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer
from tests.postgres import PostgresServer
from tests.sample_factory import gps_report, judged_sample, source, tracking
from tests.stored_samples import Conn, has, rows, slot, take, until

pytestmark = pytest.mark.asyncio


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


async def test_answer_that_was_lost_after_the_commit_doubles_nothing(
    conn: Conn, checker_pool: CheckerPool, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = await take(checker_pool, "h")
    for n in range(20):
        await spool.append(judged_sample("h", slot(n)), epochs["h"])
    writer = Writer(spool, checker_pool)

    async def lose(*_: Sequence[object]) -> None:
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


async def test_outage_is_said_once_and_its_end_once(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epochs = await take(checker_pool, "h")
    conn.execute("ALTER TABLE metrics.latest RENAME TO away")
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(Writer(spool, checker_pool).run(stop))
        asked = checker_pool.get_stats()["requests_num"]
        await spool.append(judged_sample("h", slot(0)), epochs["h"])
        await until(lambda: checker_pool.get_stats()["requests_num"] > asked + 3)
        conn.execute("ALTER TABLE metrics.away RENAME TO latest")
        await until(lambda: spool.depth == 0)
        stop.set()
        await running

    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("warning", "samples cannot be stored, they wait in the spool"),
        ("info", "samples are stored again"),
    ]
    assert len(rows(conn)) == 1
