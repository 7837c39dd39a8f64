"""Hours that nobody could be told of, taken over at once: one digest, and nothing forgotten."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from ntp_checker.model import JudgedSample, TransitionKind
from ntp_checker.resources import sql_path
from ntp_checker.standby.fleet import Fleet
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from tests.away import AWAY_S, MAIL, HalfChecker, look
from tests.inbox import Inbox
from tests.made_alerts import CRITICAL_S, GOOD_S
from tests.postgres import PostgresServer
from tests.stored_samples import Conn, take, until

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(300)]

OUTAGE = timedelta(hours=6)
INTERVAL = timedelta(seconds=30)
NAMES = tuple(f"h{number}" for number in range(20))


def looks(name: str, number: int, since_at: datetime) -> list[JudgedSample]:
    """Each host is wrong for an hour, one after the other; the last ones still are."""
    wrong_at = since_at + timedelta(minutes=18 * number)
    return [
        look(at, CRITICAL_S if wrong_at <= at < wrong_at + timedelta(hours=1) else GOOD_S, name)
        for at in (since_at + n * INTERVAL for n in range(OUTAGE // INTERVAL))
    ]


async def spool_of_six_hours(path: Path, epochs: dict[str, int]) -> Spool:
    """As a checker leaves it that was without a database all that time."""
    spool = Spool(path)
    since_at = datetime.now(UTC) - OUTAGE
    for number, name in enumerate(NAMES):
        await spool.append_all(looks(name, number, since_at), epochs[name])
    await spool.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE sample SET spooled_at_s = slot_us / 1e6")
        file.commit()
    return Spool(path)


def titles(url: str) -> list[str]:
    with psycopg.connect(url) as conn:
        return [t for (t,) in conn.execute("SELECT title FROM metrics.message").fetchall()]


def kinds(url: str) -> list[tuple[str, int]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT transition, count(*) FROM metrics.alert_event GROUP BY 1 ORDER BY 1"
        ).fetchall()


@pytest_asyncio.fixture
async def own_pool(own_postgres: PostgresServer) -> AsyncIterator[CheckerPool]:
    """The checker's pool on a server that may be killed."""
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    pool = await open_checker_pool(own_postgres.url())
    yield pool
    await pool.close()


async def test_six_hours_when_replayed_are_one_digest(
    database_url: str, checker_pool: CheckerPool, tmp_path: Path, inbox: Inbox
) -> None:
    epochs = await take(checker_pool, *NAMES)
    spool = await spool_of_six_hours(tmp_path / "spool.sqlite", epochs)
    checker = HalfChecker(spool, checker_pool, [inbox.channel()], hosts=NAMES, away_s=60.0)
    async with checker.running():
        await until(lambda: spool.depth == 0, wait_s=120)
        await until(lambda: _waiting(database_url) == 0, wait_s=120)
    await spool.close()

    print(f"{len(NAMES) * (OUTAGE // INTERVAL)} samples of {len(NAMES)} hosts:")
    print(f"{len(inbox.arrived)} message: {titles(database_url)}; {kinds(database_url)}")
    assert len(inbox.arrived) == len(titles(database_url)) == 1
    assert dict(kinds(database_url))["opened"] == len(NAMES)
    assert len(inbox.event_ids) == sum(count for _, count in kinds(database_url))


async def test_six_hours_that_were_told_without_the_database_are_not_told_again(
    own_postgres: PostgresServer,
    own_pool: CheckerPool,
    tmp_path: Path,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ntp_checker.audiences.OLD_NEWS_HOLD", timedelta(seconds=5))
    epochs = await take(own_pool, *NAMES)
    spool = await spool_of_six_hours(tmp_path / "spool.sqlite", epochs)
    await asyncio.to_thread(own_postgres.kill)
    checker = HalfChecker(spool, own_pool, [inbox.channel()], hosts=NAMES, away_s=AWAY_S)
    async with checker.running():
        await until(lambda: bool(inbox.arrived), wait_s=120)
        before = len(inbox.arrived)
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: spool.depth == 0 and not checker.telling.standby.has_news, wait_s=120)
        await until(lambda: _waiting(own_postgres.url()) == 0, wait_s=120)
    await spool.close()

    print(f"{before} message without the database, {len(inbox.arrived) - before} after it:")
    print(titles(own_postgres.url()))
    assert (before, len(inbox.arrived)) == (1, 1)
    assert len(inbox.event_ids) == sum(count for _, count in kinds(own_postgres.url()))


def _waiting(url: str) -> int:
    with psycopg.connect(url) as conn:
        found = conn.execute(
            "SELECT count(*) FROM metrics.notification WHERE state IN ('waiting', 'claimed')"
        ).fetchone()
    assert found
    return int(found[0])


BEGAN_AT = datetime.now(UTC) - timedelta(hours=5)


def wrong(minutes: float) -> JudgedSample:
    return look(BEGAN_AT + timedelta(minutes=minutes), CRITICAL_S)


async def spool_until_minute_239(path: Path, pool: CheckerPool) -> tuple[int, Spool]:
    """The host's epoch, and the spool of a checker that was restarted just then."""
    epoch = (await take(pool, "h"))["h"]
    spool = Spool(path)
    await spool.append_all([wrong(n / 2) for n in range(2 * 239)], epoch)
    checker = HalfChecker(spool, pool, [])
    await checker.writer.write_once()
    await spool.close()
    return epoch, Spool(path)


async def test_restart_at_minute_239_leaves_the_reminder_at_240(
    conn: Conn, checker_pool: CheckerPool, tmp_path: Path
) -> None:
    epoch, spool = await spool_until_minute_239(tmp_path / "spool.sqlite", checker_pool)

    await spool.append_all([wrong(n / 2) for n in range(2 * 239, 2 * 243)], epoch)
    await HalfChecker(spool, checker_pool, []).writer.write_once()
    await spool.close()

    (found,) = conn.execute(
        "SELECT reminded.slot_at - opened.slot_at"
        "  FROM metrics.alert_event AS opened JOIN metrics.alert_event AS reminded"
        "    ON opened.transition = 'opened' AND reminded.transition = 'reminded'"
    ).fetchall()
    assert abs(found[0] - timedelta(minutes=240)) <= timedelta(minutes=1)


async def test_restart_at_minute_239_without_the_database_leaves_the_reminder_at_240(
    checker_pool: CheckerPool, tmp_path: Path
) -> None:
    _, spool = await spool_until_minute_239(tmp_path / "spool.sqlite", checker_pool)

    fleet = Fleet(await spool.read_known(), await spool.newest_committed(), [])
    decisions = fleet.advance(
        [wrong(n / 2) for n in range(2 * 239, 2 * 243)],
        MAIL,
        silences=(),
        hosts={"": 1},
        now=BEGAN_AT + timedelta(minutes=243),
    )
    await spool.close()

    (reminder,) = [one.subject.transition for one in decisions]
    opened_at = BEGAN_AT + timedelta(minutes=1)
    assert reminder.kind is TransitionKind.REMINDED
    assert abs(reminder.slot_at - opened_at - timedelta(minutes=240)) <= timedelta(minutes=1)
