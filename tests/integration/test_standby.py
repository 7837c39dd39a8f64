"""People are told while the database is away, and nobody twice when it is back."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
import structlog

from ntp_checker.errors import SendErrorKind, StoreError
from ntp_checker.message import OutgoingMessage
from ntp_checker.notify.channel import Progress
from ntp_checker.resources import sql_path
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from tests.away import AWAY_S, HalfChecker, look
from tests.inbox import Inbox, InboxChannel
from tests.made_alerts import CRITICAL_S, GOOD_S
from tests.postgres import PostgresServer
from tests.stored_samples import Conn, slot, take, until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def own_pool(own_postgres: PostgresServer) -> AsyncIterator[CheckerPool]:
    """The checker's pool on a server that may be killed."""
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    pool = await open_checker_pool(own_postgres.url())
    yield pool
    await pool.close()


def told(url: str) -> list[tuple[str, str, bool | None]]:
    """Of each notification its transition and state, and whether it went without the database."""
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT event.transition, notification.state, message.sent_without_database"
            "  FROM metrics.notification JOIN metrics.alert_event AS event USING (event_id)"
            "  LEFT JOIN metrics.message USING (message_id)"
            " ORDER BY event.noted_at, event.ordinal"
        ).fetchall()


async def settled(url: str, number: int) -> None:
    """Until so many notifications are there, and none waits."""

    def is_settled() -> bool:
        states = [state for _, state, _ in told(url)]
        return len(states) == number and not {"waiting", "claimed"}.intersection(states)

    await until(is_settled)


async def test_alert_that_opens_while_the_database_is_away_is_told_once(
    own_postgres: PostgresServer, own_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    checker = HalfChecker(spool, own_pool, [inbox.channel()])
    async with checker.running():
        await spool.append(look(slot(0), GOOD_S), epoch)
        await until(lambda: spool.depth == 0)
        await asyncio.to_thread(own_postgres.kill)
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(1, 4)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: spool.depth == 0 and not checker.telling.standby.has_news)
        await spool.append_all([look(slot(n), GOOD_S) for n in range(4, 6)], epoch)
        await settled(own_postgres.url(), 2)

    assert told(own_postgres.url()) == [
        ("opened", "accepted", True), ("resolved", "accepted", False)
    ]  # fmt: skip
    assert len(inbox.event_ids) == len(set(inbox.event_ids)) == 2
    assert spool.notes.is_empty


async def test_message_when_the_database_is_away_then_says_how_the_host_is_reached(
    own_postgres: PostgresServer, own_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    checker = HalfChecker(spool, own_pool, [inbox.channel()])
    async with checker.running():
        await asyncio.to_thread(own_postgres.kill)
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
        await asyncio.to_thread(own_postgres.start)
        await settled(own_postgres.url(), 1)
    with psycopg.connect(own_postgres.url()) as conn:
        texts = conn.execute("SELECT body FROM metrics.message").fetchall()

    assert "  ssh -p 2222 root@h.example.org chronyc -n tracking" in texts[0][0]


async def test_database_that_is_frozen_is_away_too(
    own_postgres: PostgresServer, own_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    checker = HalfChecker(spool, own_pool, [inbox.channel()])
    async with checker.running():
        await spool.append(look(slot(0), GOOD_S), epoch)
        await until(lambda: spool.depth == 0)
        own_postgres.freeze()
        try:
            await spool.append_all([look(slot(n), CRITICAL_S) for n in range(1, 4)], epoch)
            await until(lambda: len(inbox.arrived) == 1)
        finally:
            own_postgres.thaw()
        await spool.append(look(slot(4), CRITICAL_S), epoch)
        await until(lambda: spool.depth == 0)
        await until(lambda: spool.notes.is_empty)

    assert told(own_postgres.url()) == [("opened", "accepted", True)]
    assert len(inbox.arrived) == 1


async def test_alert_of_before_ends_while_the_database_is_away_for_those_who_heard_of_it(
    own_postgres: PostgresServer, own_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    checker = HalfChecker(spool, own_pool, [inbox.channel()])
    async with checker.running():
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
        await asyncio.to_thread(own_postgres.kill)
        await spool.append_all([look(slot(n), GOOD_S) for n in range(3, 5)], epoch)
        await until(lambda: len(inbox.arrived) == 2)
        await asyncio.to_thread(own_postgres.start)
        await settled(own_postgres.url(), 2)

    assert told(own_postgres.url()) == [
        ("opened", "accepted", False), ("resolved", "accepted", True)
    ]  # fmt: skip


async def test_what_could_not_be_sent_either_is_sent_from_the_database(
    own_postgres: PostgresServer, own_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    inbox.refuse(SendErrorKind.NEXT_CHANNEL)  # tried again in minutes only
    checker = HalfChecker(spool, own_pool, [inbox.channel()])
    async with checker.running():
        await asyncio.to_thread(own_postgres.kill)
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
        await asyncio.to_thread(own_postgres.start)
        await settled(own_postgres.url(), 1)

    assert told(own_postgres.url()) == [("opened", "accepted", False)]
    assert len(inbox.arrived) == 2


class PartlyInbox(InboxChannel):
    """Has two recipients: one takes the first message it is sent, the other the second."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__("mail", inbox.port)
        self.progress = Progress()

    async def send(self, message: OutgoingMessage) -> str:
        is_first = not self.progress.taken(message)
        answer = await super().send(message)
        self.progress.note(message, "ann" if is_first else "bob", answer=answer)
        if is_first:
            self.progress.check_rest(message, "bob refused: later", is_news=True)
        return self.progress.finish(message, {})


async def test_message_that_one_recipient_has_goes_to_the_other_from_the_database_as_the_same(
    own_postgres: PostgresServer,
    own_pool: CheckerPool,
    spool: Spool,
    inbox: Inbox,
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    checker = HalfChecker(spool, own_pool, [PartlyInbox(inbox)])
    async with checker.running():
        await asyncio.to_thread(own_postgres.kill)
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
        await asyncio.to_thread(own_postgres.start)
        await settled(own_postgres.url(), 1)

    assert told(own_postgres.url()) == [("opened", "accepted", True)]
    assert len({one.message_id for one in inbox.arrived}) == 1
    assert len(inbox.arrived) == 2


async def test_silenced_host_stays_silent_and_so_it_is_on_record(
    own_postgres: PostgresServer, own_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epochs = await take(own_pool, "h", "quiet")
    with psycopg.connect(own_postgres.url()) as conn:
        conn.execute(
            "INSERT INTO metrics.silence (host_id, starts_at, ends_at, reason, created_by)"
            " SELECT host_id, now() - interval '1 h', now() + interval '1 h', 'works', 'ana'"
            "   FROM metrics.host WHERE name = 'quiet'"
        )
    checker = HalfChecker(spool, own_pool, [inbox.channel()], hosts=("h", "quiet"))
    async with checker.running():
        for name, epoch in epochs.items():
            await spool.append(look(slot(0), GOOD_S, name), epoch)
        await until(lambda: spool.depth == 0)
        await asyncio.to_thread(own_postgres.kill)
        for name in ("quiet", "h"):
            looks = [look(slot(n), CRITICAL_S, name) for n in range(1, 4)]
            await spool.append_all(looks, epochs[name])
        await until(lambda: len(inbox.arrived) == 1)
        with psycopg.connect(_started(own_postgres)) as conn:
            conn.execute("DELETE FROM metrics.silence")  # what was decided stays decided
        await settled(own_postgres.url(), 2)

    assert len(inbox.arrived) == 1
    assert sorted(state for _, state, _ in told(own_postgres.url())) == ["accepted", "suppressed"]


def _started(server: PostgresServer) -> str:
    server.start()
    return server.url()


async def test_acknowledged_alert_is_not_reminded_of_meanwhile(
    conn: Conn, checker_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    started = slot(0) - timedelta(hours=5)
    checker = HalfChecker(spool, checker_pool, [inbox.channel()])
    looks = [look(started + timedelta(seconds=n), CRITICAL_S) for n in range(4)]
    await spool.append_all(looks[:3], epoch)
    await checker.writer.write_once()
    conn.execute(
        "UPDATE metrics.alert SET acknowledged_by = 'ana', acknowledged_at = clock_timestamp()"
    )
    await spool.append(looks[3], epoch)
    await checker.writer.write_once()

    async with checker.running(writes=False):
        await spool.append_all([look(slot(n), CRITICAL_S, "h") for n in range(3)], epoch)
        await until(lambda: checker.telling.standby.is_sending)
        await spool.append_all([look(slot(n), GOOD_S, "h") for n in range(3, 5)], epoch)
        await until(lambda: not spool.notes.is_empty)

    (note,) = (await spool.notes.read()).notes
    assert note.transition.kind == "resolved"


async def test_answer_that_is_lost_after_the_commit_doubles_nothing(
    checker_pool: CheckerPool,
    database_url: str,
    spool: Spool,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    checker = HalfChecker(spool, checker_pool, [inbox.channel()])
    await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)

    async def lose(*_: object) -> None:
        raise StoreError("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(spool, "mark_committed", lose)
        with pytest.raises(StoreError):
            await checker.writer.write_once()
    assert told(database_url) == [("opened", "waiting", None)]
    async with checker.running(writes=False):
        await until(lambda: len(inbox.arrived) == 1)
        assert not checker.telling.standby.lets_database_tell()
        await checker.writer.write_once()
        assert checker.telling.standby.lets_database_tell()

    assert told(database_url) == [("opened", "accepted", True)]
    assert len(inbox.arrived) == 1


async def test_database_that_fails_each_batch_leaves_the_spool_to_tell(
    conn: Conn, checker_pool: CheckerPool, database_url: str, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    conn.execute("ALTER TABLE metrics.latest RENAME TO away")
    checker = HalfChecker(spool, checker_pool, [inbox.channel()])
    async with checker.running():
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
        await spool.append_all([look(slot(n), GOOD_S) for n in range(3, 5)], epoch)
        await until(lambda: len(inbox.arrived) == 2)
        conn.execute("ALTER TABLE metrics.away RENAME TO latest")
        await until(lambda: spool.depth == 0)
        await settled(database_url, 2)

    assert {without for _, _, without in told(database_url)} == {True}
    assert len(inbox.arrived) == 2


async def test_checker_that_is_restarted_meanwhile_goes_on_at_once(
    own_postgres: PostgresServer, own_pool: CheckerPool, tmp_path: Path, inbox: Inbox
) -> None:
    epoch = (await take(own_pool, "h"))["h"]
    spool = Spool(tmp_path / "first.sqlite")
    checker = HalfChecker(spool, own_pool, [inbox.channel()])
    async with checker.running():
        await asyncio.to_thread(own_postgres.kill)
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 1)
    await spool.close()

    again = Spool(tmp_path / "first.sqlite")
    checker = HalfChecker(again, own_pool, [inbox.channel()], away_s=AWAY_S)
    async with checker.running():
        await again.append_all([look(slot(n), GOOD_S) for n in range(3, 5)], epoch)
        await until(lambda: len(inbox.arrived) == 2)
        await asyncio.to_thread(own_postgres.start)
        await settled(own_postgres.url(), 2)
    await again.close()

    assert [(kind, without) for kind, _, without in told(own_postgres.url())] == [
        ("opened", True), ("resolved", True)
    ]  # fmt: skip
    assert len(inbox.event_ids) == len(set(inbox.event_ids)) == 2


async def test_outage_is_said_once_and_its_end_once(
    checker_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    checker = HalfChecker(spool, checker_pool, [inbox.channel()])
    with structlog.testing.capture_logs() as logs:
        async with checker.running(writes=False):
            await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], epoch)
            await until(lambda: len(inbox.arrived) == 1)
            with suppress(StoreError):
                await checker.writer.write_once()

    said = [(one["log_level"], one["event"]) for one in logs if "alerts are sent" in one["event"]]
    assert said == [
        ("warning", "the database is away, alerts are sent without it"),
        ("info", "the database is back, alerts are sent from it again"),
    ]


async def test_host_that_was_never_leased_is_left_to_whoever_holds_it(
    checker_pool: CheckerPool, spool: Spool, inbox: Inbox
) -> None:
    checker = HalfChecker(spool, checker_pool, [inbox.channel()])
    async with checker.running(writes=False):
        await spool.append_all([look(slot(n), CRITICAL_S) for n in range(3)], 0)
        await until(lambda: checker.telling.standby.is_sending)

    assert spool.notes.is_empty


async def test_note_that_cannot_be_read_keeps_no_other_back(
    checker_pool: CheckerPool, database_url: str, spool: Spool, inbox: Inbox
) -> None:
    epochs = await take(checker_pool, "h", "other")
    checker = HalfChecker(spool, checker_pool, [inbox.channel()], hosts=tuple(epochs))
    async with checker.running(writes=False):
        for name, epoch in epochs.items():
            await spool.append_all([look(slot(n), CRITICAL_S, name) for n in range(3)], epoch)
        await until(lambda: len(inbox.arrived) == 2)
    with closing(sqlite3.connect(spool.path)) as file:
        file.execute("UPDATE note SET subject = x'00ff' WHERE note_id = 1")
        file.commit()

    await checker.writer.write_once()

    assert sorted(state for _, state, _ in told(database_url)) == ["accepted", "waiting"]
    assert spool.notes.is_empty
