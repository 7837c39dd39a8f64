"""Alerts in the database: read for a batch's hosts, written as the samples left them."""

import asyncio
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from ntp_checker.errors import StoreError
from ntp_checker.model import (
    Acknowledgement,
    Alert,
    AlertState,
    Notification,
    Severity,
    TransitionKind,
)
from ntp_checker.store.alerts import HostAlerts, read_live
from ntp_checker.store.hosts import host_ids
from ntp_checker.store.notifications import queue
from ntp_checker.store.pool import CheckerPool, store_errors
from tests.sample_factory import judged_sample
from tests.stored_alerts import alert, save, slot, tell, transition
from tests.stored_samples import Conn, store, take, until
from tests.stored_samples import slot as sample_slot

pytestmark = pytest.mark.asyncio


async def alerts_of(pool: CheckerPool, host: str = "h") -> HostAlerts:
    async with pool.connection() as conn, conn.transaction():
        ids = await host_ids(conn, [host])
        return (await read_live(conn, ids.values(), closed_since_at=slot(0)))[ids[host]]


async def put(pool: CheckerPool, *alerts: Alert) -> None:
    async with pool.connection() as conn, conn.transaction():
        await save(conn, alerts)


def events(conn: Conn) -> list[tuple[object, ...]]:
    return conn.execute(
        "SELECT host_id, transition, ordinal FROM metrics.alert_event ORDER BY host_id, ordinal"
    ).fetchall()


TABLES = ("alert", "alert_event", "notification")


def rows_of(conn: Conn, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM metrics.{}").format(sql.Identifier(table))
    found = conn.execute(query).fetchone()
    assert found
    return int(found[0])


FULL = alert(
    "h",
    '192.0.2.1 \\ "x" {,}',
    last_good_slot_at=slot(-1),
    good_in_a_row=1,
    last_ordinal=4,
    changed_at=(slot(0), slot(1), slot(2)),
    flapping_since_at=slot(1),
    reminded_at=slot(2),
    acknowledgement=Acknowledgement(by="ada", at=slot(1), until_at=slot(9), note="on it\nnow"),
)
BARE = Alert(
    key=FULL.key,
    state=AlertState.PENDING,
    severity=Severity.WARNING,
    first_bad_slot_at=slot(0),
    last_slot_at=slot(0),
    bad_in_a_row=1,
)


@pytest.mark.parametrize("given", [FULL, BARE], ids=["full", "bare"])
async def test_live_alert_when_read_is_as_it_was_stored(
    checker_pool: CheckerPool, given: Alert
) -> None:
    await put(checker_pool, given)

    assert (await alerts_of(checker_pool)).live == {given.key: given}


async def test_alert_that_changed_has_one_row_with_what_is_new(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await put(checker_pool, BARE)
    changed = replace(FULL, first_bad_slot_at=BARE.first_bad_slot_at, severity=Severity.WARNING)

    await put(checker_pool, changed)

    assert (await alerts_of(checker_pool)).live == {changed.key: changed}
    assert conn.execute("SELECT count(*) FROM metrics.alert").fetchone() == (1,)


async def test_pending_alert_that_ends_silently_leaves_nothing(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await put(checker_pool, BARE)

    await put(checker_pool, replace(BARE, state=AlertState.CLOSED, closed_at=slot(1)))

    assert await alerts_of(checker_pool) == HostAlerts(live={}, recent={})
    assert conn.execute("SELECT count(*) FROM metrics.alert").fetchone() == (0,)


async def test_alert_that_closes_and_comes_back_in_one_batch_is_two(
    checker_pool: CheckerPool,
) -> None:
    first = alert()
    await put(checker_pool, first)
    closed = replace(first, state=AlertState.CLOSED, closed_at=slot(5))
    next_one = replace(first, first_bad_slot_at=slot(7), last_slot_at=slot(9))

    await put(checker_pool, closed, next_one)

    found = await alerts_of(checker_pool)
    assert (found.live, found.recent) == ({first.key: next_one}, {first.key: closed})


async def test_alert_that_opens_and_closes_in_one_batch_is_recent(
    checker_pool: CheckerPool,
) -> None:
    closed = alert(state=AlertState.CLOSED, closed_at=slot(5))

    await put(checker_pool, alert(), closed)

    assert await alerts_of(checker_pool) == HostAlerts(live={}, recent={closed.key: closed})


async def test_recent_alert_is_the_one_that_closed_last(checker_pool: CheckerPool) -> None:
    older = alert(state=AlertState.CLOSED, closed_at=slot(5))
    newer = replace(older, first_bad_slot_at=slot(6), closed_at=slot(9))

    await put(checker_pool, newer, older)

    assert (await alerts_of(checker_pool)).recent == {newer.key: newer}


@pytest.mark.parametrize(
    ("before", "is_recent"), [(timedelta(0), True), (timedelta(microseconds=1), False)]
)
async def test_alert_that_closed_is_recent_from_the_bound_on(
    checker_pool: CheckerPool, before: timedelta, is_recent: bool
) -> None:
    closed = alert(first_bad_slot_at=slot(-9), state=AlertState.CLOSED, closed_at=slot(0) - before)

    await put(checker_pool, closed)

    assert bool((await alerts_of(checker_pool)).recent) is is_recent


async def test_host_is_judged_until_its_newest_sample(checker_pool: CheckerPool) -> None:
    epochs = await take(checker_pool, "h")
    await store(checker_pool, epochs["h"], judged_sample("h", sample_slot(1)))
    await store(checker_pool, epochs["h"], judged_sample("h", sample_slot(0)))

    assert (await alerts_of(checker_pool)).judged_until_at == sample_slot(1)


async def test_transition_is_new_once(conn: Conn, checker_pool: CheckerPool) -> None:
    opened = alert()
    told = transition(opened)

    async with checker_pool.connection() as held, held.transaction():
        first = await save(held, [opened], [told])
        again = await save(held, [opened], [told])

    assert (first, again) == ([told], [])
    assert [row[1:] for row in events(conn)] == [("opened", 1)]


async def test_transitions_of_a_batch_come_back_in_their_order(checker_pool: CheckerPool) -> None:
    closed = alert(state=AlertState.CLOSED, closed_at=slot(5), last_ordinal=2)
    told = [transition(closed), transition(closed, TransitionKind.RESOLVED, 2, slot_at=slot(5))]

    async with checker_pool.connection() as held, held.transaction():
        assert await save(held, [closed], told) == told


async def test_transition_without_its_alert_is_refused_loudly(
    checker_pool: CheckerPool,
) -> None:
    opened = alert()
    stray = transition(replace(opened, first_bad_slot_at=slot(-5)))

    with pytest.raises(StoreError, match="alert_id"), store_errors():
        async with checker_pool.connection() as held, held.transaction():
            await save(held, [opened], [stray])


async def test_transition_and_notification_roll_back_together(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    opened = alert()
    told = transition(opened)

    async with checker_pool.connection() as held, held.transaction(force_rollback=True):
        await save(held, [opened], [told])
        await queue(held, [Notification(event_id=told.event_id, channel="mail", group_key="")])

    assert [rows_of(conn, table) for table in TABLES] == [0, 0, 0]


async def test_transition_and_notification_are_there_together(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)

    assert [rows_of(conn, table) for table in TABLES] == [1, 1, 1]


async def test_acknowledgement_meanwhile_waits_and_is_not_lost(
    conn: Conn, checker_pool: CheckerPool, database_url: str
) -> None:
    opened = alert()
    await put(checker_pool, opened)
    async with checker_pool.connection() as held, held.transaction():
        ids = await host_ids(held, ["h"])
        await read_live(held, ids.values(), closed_since_at=slot(0))
        person = asyncio.create_task(_acknowledge(database_url))
        await until(lambda: _waits_for_a_lock(conn))
        await save(held, [replace(opened, last_slot_at=slot(3))])
    await person

    live = (await alerts_of(checker_pool)).live[opened.key]
    assert live.last_slot_at == slot(3)
    assert live.acknowledgement == Acknowledgement(by="ada", at=slot(1))


async def _acknowledge(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as person:
        await person.execute(
            "UPDATE metrics.alert SET acknowledged_by = 'ada', acknowledged_at = %s", [slot(1)]
        )


def _waits_for_a_lock(conn: Conn) -> bool:
    found = conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return found is not None and found[0] > 0


async def test_ten_thousand_transitions_go_in_one_batch(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    alerts = [alert(f"h{index % 500}", str(index)) for index in range(10_000)]
    told = [transition(one) for one in alerts]
    tracemalloc.start()

    async with checker_pool.connection() as held, held.transaction():
        new = await save(held, alerts, told)
        queued = await queue(
            held,
            [Notification(event_id=one.event_id, channel="mail", group_key="") for one in new],
        )
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert {one.event_id for one in new} == {one.event_id for one in told}
    assert queued == 10_000
    assert conn.execute("SELECT count(*) FROM metrics.alert_event").fetchone() == (10_000,)
    assert peak_bytes < 100_000_000
