"""Samples into alerts and notifications, in the transaction that stores them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ntp_checker.advances import Alerting, end_alerts_of_left
from ntp_checker.model import JudgedSample, Route
from ntp_checker.routing import STORM_KEY
from ntp_checker.store.notifications import OLD_NEWS_KEY
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch
from tests.made_alerts import CRITICAL_S, GOOD_S, WARNING_S, judged, offset
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


def silence(conn: Conn, *, ends_in: str = "1 h", host: str | None = None) -> None:
    conn.execute(
        "INSERT INTO metrics.silence (host_id, starts_at, ends_at, reason, created_by)"
        " SELECT (SELECT host_id FROM metrics.host WHERE name = %s),"
        " clock_timestamp() - interval '1 h', clock_timestamp() + %s::interval, 'x', 'y'",
        (host, ends_in),
    )


def end_silences(conn: Conn) -> None:
    conn.execute("UPDATE metrics.silence SET cancelled_at = clock_timestamp(), cancelled_by = 'y'")


async def test_silence_when_it_ends_while_the_alert_is_open_then_told_at_the_next_slot(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    silence(conn)
    await write(checker_pool, epoch, *(look(slot(n), CRITICAL_S) for n in range(5)))
    end_silences(conn)

    queued = [await write(checker_pool, epoch, look(slot(n), CRITICAL_S)) for n in (5, 6)]

    assert queued == [1, 0]
    assert told(conn) == [("opened", "suppressed"), ("reminded", "waiting")]
    (reason,) = conn.execute(
        "SELECT reason FROM metrics.alert_event WHERE transition = 'reminded'"
    ).fetchone() or ("",)
    assert "silenced" in reason
    assert "still open: clock is 60 ms ahead" in reason


async def test_silence_when_it_ends_after_the_alert_then_nobody_is_told(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    silence(conn)
    sizes = (*[CRITICAL_S] * 3, GOOD_S, GOOD_S)
    await write(checker_pool, epoch, *(look(slot(n), size) for n, size in enumerate(sizes)))
    end_silences(conn)

    assert await write(checker_pool, epoch, look(slot(5), GOOD_S)) == 0


async def test_silence_when_people_knew_before_then_its_end_tells_nothing(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))
    silence(conn)
    await write(checker_pool, epoch, look(slot(3), CRITICAL_S))
    end_silences(conn)

    assert await write(checker_pool, epoch, look(slot(4), CRITICAL_S)) == 0


async def test_worsening_when_silenced_then_told_when_the_silence_ends(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, *(look(slot(n), WARNING_S) for n in range(3)))
    silence(conn)
    await write(checker_pool, epoch, look(slot(3), CRITICAL_S))
    end_silences(conn)

    await write(checker_pool, epoch, look(slot(4), CRITICAL_S))

    assert told(conn) == [
        ("opened", "waiting"), ("worsened", "suppressed"), ("reminded", "waiting"),
    ]  # fmt: skip


async def test_silence_when_a_second_one_holds_still_then_nothing_is_told(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    silence(conn)
    await write(checker_pool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))
    end_silences(conn)
    silence(conn, host="h")

    assert await write(checker_pool, epoch, look(slot(3), CRITICAL_S)) == 0
    assert told(conn) == [("opened", "suppressed")]


async def test_silence_when_it_ends_for_many_then_they_wait_for_one_message(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    names = [f"h{number}" for number in range(5)]
    epochs = await take(checker_pool, *names)
    silence(conn)
    for name in names:
        looks = [look(slot(n), CRITICAL_S, name) for n in range(3)]
        await write(checker_pool, epochs[name], *looks)
    end_silences(conn)

    for name in names:
        await write(checker_pool, epochs[name], look(slot(3), CRITICAL_S, name))

    keys = conn.execute(
        "SELECT DISTINCT group_key FROM metrics.notification WHERE state = 'waiting'"
    ).fetchall()
    assert keys == [(STORM_KEY,)]


async def test_silence_when_it_ended_before_a_replay_then_told_in_its_digest(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    before = timedelta(minutes=10)
    silence(conn)
    await write(checker_pool, epoch, *(look(slot(n) - before, CRITICAL_S) for n in range(3)))
    end_silences(conn)

    await write(checker_pool, epoch, look(slot(3) - before, CRITICAL_S))

    waiting = conn.execute(
        "SELECT group_key FROM metrics.notification WHERE state = 'waiting'"
    ).fetchall()
    assert waiting == [(OLD_NEWS_KEY,)]
