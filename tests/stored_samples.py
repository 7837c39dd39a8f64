"""Samples into a test's database through the product, and out of it through SQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from ntp_checker.model import Host, JudgedSample
from ntp_checker.store.hosts import sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch

Conn = psycopg.Connection[tuple[Any, ...]]
WAIT_S = 30.0


class Slots:
    """Slots of one host, a second apart, from half a minute before the test.

    What is older than minutes is told otherwise than what is new, and a run takes longer than that.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Counts from now on."""
        self._start_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)

    def __call__(self, number: int) -> datetime:
        return self._start_at + timedelta(seconds=number)


slot = Slots()


async def take(pool: CheckerPool, *names: str, owner: str = "checker-1") -> dict[str, int]:
    """Watches these hosts; epoch by name."""
    async with pool.connection() as conn:
        ids = await sync_hosts(conn, [Host(name=name, address=name) for name in names])
        epochs = await take_all(conn, owner, ids.values())
    return {name: epochs[ids[name]] for name in names}


async def store(pool: CheckerPool, epoch: int, *samples: JudgedSample) -> int:
    async with pool.connection() as conn:
        written = await write_batch(
            conn, [WriterRow(lease_epoch=epoch, judged=judged) for judged in samples]
        )
    return written.rows


async def until(condition: Callable[[], Awaitable[bool] | bool], *, wait_s: float = WAIT_S) -> None:
    deadline_s = time.monotonic() + wait_s
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
