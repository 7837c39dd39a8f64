"""Outboxes of tests, and what became of what was queued."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

from psycopg import sql

from ntp_checker.model import Due
from ntp_checker.outbox import DatabaseOutbox, Outbox
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerPool
from tests.inbox import InboxChannel
from tests.stored_alerts import compose_claimed
from tests.stored_samples import Conn

FAST = {"mail": 1_000.0, "pager": 1_000.0}


def outbox(
    pool: CheckerPool,
    *channels: InboxChannel,
    owner: str = "one",
    rates: Mapping[str, float] = FAST,
    **changed: Any,
) -> Outbox[Claimed]:
    return Outbox(
        DatabaseOutbox(pool, changed.pop("compose", compose_claimed), owner=owner),
        {channel.name: channel for channel in channels},
        messages_per_s=rates,
        **changed,
    )


def with_pager(_: Due) -> Sequence[str]:
    """The pager stands in for the mail."""
    return ("mail", "pager")


@asynccontextmanager
async def running(*outboxes: Outbox[Claimed]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.run(stop)) for one in outboxes]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def states(conn: Conn, columns: LiteralString = "channel, state") -> list[tuple[Any, ...]]:
    """These columns of every notification, by channel."""
    query = sql.SQL("SELECT {} FROM metrics.notification ORDER BY channel, notification_id")
    return conn.execute(query.format(sql.SQL(columns))).fetchall()


def count(conn: Conn, state: str) -> int:
    found = conn.execute(
        "SELECT count(*) FROM metrics.notification WHERE state = %s", [state]
    ).fetchone()
    assert found
    return int(found[0])
