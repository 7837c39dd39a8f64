"""Samples into alerts and notifications, in the transaction that stores them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ntp_checker.advances import OLD_NEWS_KEY, Alerting, end_alerts_of_left
from ntp_checker.model import JudgedSample, Route
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch
from tests.made_alerts import CRITICAL_S, GOOD_S, judged, offset
from tests.made_samples import SAMPLE
from tests.stored_samples import Conn, slot, take

pytestmark = pytest.mark.asyncio

MAIL = Alerting(routes=(Route(channels=("mail",)),), interval_s=1.0)


def look(at: datetime, size_s: float, host: str = "h") -> JudgedSample:
    return judged(at, offset(size_s), sample=replace(SAMPLE, host=host, taken_at=at))


async def write(pool: CheckerPool, epoch: int, *looks: JudgedSample) -> int:
    """How many notifications were queued."""
    async with pool.connection() as held:
        rows = [WriterRow(lease_epoch=epoch, judged=one) for one in looks]
        return (await write_batch(held, rows, MAIL)).notifications


def told(conn: Conn) -> list[tuple[str, str]]:
    return conn.execute(
        "SELECT event.transition, notification.state FROM metrics.notification"
        " JOIN metrics.alert_event AS event USING (event_id) ORDER BY event.ordinal"
    ).fetchall()


async def test_third_bad_look_opens_and_two_good_ones_end_it_for_those_who_were_told(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    sizes = (CRITICAL_S, CRITICAL_S, CRITICAL_S, GOOD_S, GOOD_S)

    queued = [await write(checker_pool, epoch, look(slot(n), size)) for n, size in enumerate(sizes)]

    assert queued == [0, 0, 1, 0, 1]
    assert told(conn) == [("opened", "waiting"), ("resolved", "waiting")]


async def test_batch_when_written_again_tells_nothing_twice(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    batch = [look(slot(n), CRITICAL_S) for n in range(3)]

    queued = [await write(checker_pool, epoch, *batch) for _ in range(2)]

    assert queued == [1, 0]
    assert len(told(conn)) == 1


async def test_alert_when_silenced_is_opened_and_nobody_is_told_of_either_end(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    conn.execute(
        "INSERT INTO metrics.silence (starts_at, ends_at, reason, created_by)"
        " VALUES (clock_timestamp() - interval '1 h', clock_timestamp() + interval '1 h', 'x', 'y')"
    )
    conn.commit()

    await write(checker_pool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))
    await write(checker_pool, epoch, *(look(slot(n), GOOD_S) for n in range(3, 5)))

    assert told(conn) == [("opened", "suppressed")]


async def test_row_of_a_lost_lease_leaves_alerts_alone(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await take(checker_pool, "h", owner="checker-2")

    await write(checker_pool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))

    assert conn.execute("SELECT count(*) FROM metrics.alert").fetchone() == (0,)


async def test_old_news_is_told_in_one_digest(conn: Conn, checker_pool: CheckerPool) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    before = timedelta(minutes=10)

    await write(checker_pool, epoch, *(look(slot(n) - before, CRITICAL_S) for n in range(3)))

    found = conn.execute("SELECT group_key FROM metrics.notification").fetchall()
    assert found == [(OLD_NEWS_KEY,)]


async def test_host_that_left_has_its_alerts_ended_and_told(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))
    await take(checker_pool, "other")

    async with checker_pool.connection() as held, held.transaction():
        queued = await end_alerts_of_left(held, "checker-1", MAIL)

    assert queued == 1
    assert told(conn) == [("opened", "waiting"), ("resolved", "waiting")]
    ended = conn.execute("SELECT state FROM metrics.alert").fetchall()
    assert ended == [("closed",)]
