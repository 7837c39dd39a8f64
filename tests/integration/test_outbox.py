"""The outbox at work: PostgreSQL on one side, a provider behind a socket on the other."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from ntp_checker.errors import SendErrorKind
from ntp_checker.message import OutgoingMessage
from ntp_checker.outbox import Outbox
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerConnection, CheckerPool
from tests.inbox import Inbox, InboxChannel
from tests.stored_alerts import compose_claimed, tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio

FAST = {"mail": 1_000.0, "pager": 1_000.0}


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with Inbox() as opened:
        yield opened


def outbox(
    pool: CheckerPool,
    *channels: InboxChannel,
    owner: str = "one",
    rates: Mapping[str, float] = FAST,
    **changed: Any,
) -> Outbox:
    return Outbox(
        pool,
        {channel.name: channel for channel in channels},
        changed.pop("compose", compose_claimed),
        owner=owner,
        messages_per_s=rates,
        **changed,
    )


def with_pager(_: Claimed) -> Sequence[str]:
    return ("mail", "pager")


@asynccontextmanager
async def running(*outboxes: Outbox) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.run(stop)) for one in outboxes]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def states(conn: Conn, columns: str = "channel, state") -> list[tuple[Any, ...]]:
    return conn.execute(
        f"SELECT {columns} FROM metrics.notification ORDER BY channel, notification_id"  # noqa: S608
    ).fetchall()


def count(conn: Conn, state: str) -> int:
    found = conn.execute(
        "SELECT count(*) FROM metrics.notification WHERE state = %s", [state]
    ).fetchone()
    assert found
    return int(found[0])


async def test_group_of_five_hundred_is_one_message(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 500)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 500)

    assert [set(one.event_ids) for one in inbox.arrived] == [{one.event_id for one in told}]
    assert conn.execute("SELECT provider_answer FROM metrics.message").fetchall() == [
        (f"{inbox.token}-1",)
    ]


async def test_message_on_record_is_the_one_that_arrived(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 1)

    rows = conn.execute("SELECT message_id, channel, recipients FROM metrics.message").fetchall()
    assert rows == [(inbox.arrived[0].message_id, "mail", ["mail@example.net"])]


async def test_two_channels_tell_of_the_same_event_in_messages_of_their_own(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 1)
    await tell(checker_pool, 1, channel="pager")

    async with running(outbox(checker_pool, inbox.channel(), inbox.channel("pager"))):
        await until(lambda: count(conn, "accepted") == 2)

    assert inbox.event_ids == [told[0].event_id] * 2
    assert len({one.message_id for one in inbox.arrived}) == 2


async def test_wake_sends_what_is_queued_without_waiting_for_the_poll(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.outbox.lane.POLL_S", 3_600.0)
    sender = outbox(checker_pool, inbox.channel())
    async with running(sender):
        await tell(checker_pool, 1)
        sender.wake()
        await until(lambda: count(conn, "accepted") == 1)
        await tell(checker_pool, 1, first=1)
        sender.wake()
        await until(lambda: count(conn, "accepted") == 2)

    assert len(inbox.arrived) == 2


async def test_poll_finds_what_nobody_woke_it_for(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    async with running(outbox(checker_pool, inbox.channel())):
        await tell(checker_pool, 1)

        await until(lambda: count(conn, "accepted") == 1)

    assert len(inbox.arrived) == 1


async def test_retry_sends_the_same_events_again_until_they_are_taken(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 1)
    inbox.refuse(SendErrorKind.RETRY)
    inbox.refuse(SendErrorKind.RETRY)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 1)

    assert inbox.event_ids == [told[0].event_id] * 3
    assert len({one.message_id for one in inbox.arrived}) == 1
    assert states(conn, "attempts, error_kind") == [(3, None)]


async def test_retry_after_is_kept_to_by_the_whole_channel(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 2, group_key=None)
    inbox.refuse(SendErrorKind.RETRY, retry_after_s=2.5)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 2)

    first, *others = inbox.arrived
    assert min(one.at_s for one in others) - first.at_s >= 2.5


async def test_permanent_error_is_a_dead_letter_and_tried_once(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    inbox.refuse(SendErrorKind.PERMANENT)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "given_up") == 1)

    assert states(conn, "state, attempts, error_kind, error_text") == [
        ("given_up", 1, "permanent", "not now")
    ]
    assert conn.execute("SELECT accepted_at, provider_answer FROM metrics.message").fetchall() == [
        (None, "not now")
    ]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (SendErrorKind.PERMANENT, "given_up"),
        (SendErrorKind.NEXT_CHANNEL, "given_up"),
        (SendErrorKind.OWN_CLOCK, "waiting"),
    ],
)
async def test_next_channel_hears_the_same_events_at_once(
    conn: Conn,
    checker_pool: CheckerPool,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    kind: SendErrorKind,
    state: str,
) -> None:
    monkeypatch.setattr("ntp_checker.outbox.lane.POLL_S", 3_600.0)
    told = await tell(checker_pool, 3)
    inbox.refuse(kind)
    channels = (inbox.channel(), inbox.channel("pager"))

    async with running(outbox(checker_pool, *channels, fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 3)

    assert [one.channel for one in inbox.arrived[:2]] == ["mail", "pager"]
    assert set(inbox.arrived[1].event_ids) == {one.event_id for one in told}
    assert states(conn) == [("mail", state)] * 3 + [("pager", "accepted")] * 3


async def test_next_channel_when_there_is_none_waits_for_long(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    inbox.refuse(SendErrorKind.NEXT_CHANNEL)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "waiting") == 1 and len(inbox.arrived) == 1)

    assert states(conn, "state, error_kind, retry_at > now() + interval '4 minutes'") == [
        ("waiting", "next_channel", True)
    ]


async def test_retry_that_goes_on_for_a_minute_tells_the_next_channel_too(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    conn.execute("UPDATE metrics.notification SET attempts = 6")
    inbox.refuse(SendErrorKind.RETRY)
    channels = (inbox.channel(), inbox.channel("pager"))

    async with running(outbox(checker_pool, *channels, fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 1)

    assert states(conn) == [("mail", "waiting"), ("pager", "accepted")]


async def test_message_that_cannot_be_made_does_not_hold_up_the_others(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    async def compose(held: CheckerConnection, claimed: Sequence[Claimed]) -> OutgoingMessage:
        if claimed[0].transition.key.host == "h0":
            raise KeyError("no such word")
        return await compose_claimed(held, claimed)

    await tell(checker_pool, 3, group_key=None)

    async with running(outbox(checker_pool, inbox.channel(), compose=compose)):
        await until(lambda: count(conn, "accepted") == 2)

    assert {row[0] for row in states(conn, "error_text")} == {None, "internal error: KeyError"}


async def test_slow_channel_does_not_hold_up_another(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1, channel="pager")
    async with Inbox() as slow:
        slow.open.clear()
        async with running(outbox(checker_pool, slow.channel(), inbox.channel("pager"))):
            await until(lambda: count(conn, "accepted") == 1)
            await tell(checker_pool, 1, first=1)
            await until(lambda: len(slow.arrived) == 1)
            await tell(checker_pool, 5, first=2, channel="pager", group_key=None)

            await until(lambda: count(conn, "accepted") == 6)

            assert count(conn, "claimed") == 1
            slow.open.set()


async def test_provider_that_never_answers_is_tried_again(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.outbox.lane.SEND_TIMEOUT_S", 0.2)
    await tell(checker_pool, 1)
    inbox.open.clear()

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "waiting") == 1 and len(inbox.arrived) == 1)
        assert states(conn, "error_kind, error_text") == [("retry", "no answer within 0.2 s")]
        inbox.open.set()
        await until(lambda: count(conn, "accepted") == 1)

    assert len({one.message_id for one in inbox.arrived}) == 1


async def test_messages_leave_no_faster_than_the_rate(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 6, group_key=None)

    async with running(outbox(checker_pool, inbox.channel(), rates={"mail": 5.0})):
        await until(lambda: count(conn, "accepted") == 6)

    assert inbox.arrived[-1].at_s - inbox.arrived[0].at_s >= 0.95


async def test_two_outboxes_share_the_work_without_doubles(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 100, group_key=None)
    inbox.delay_s = 0.01

    async with running(
        outbox(checker_pool, inbox.channel(), owner="one"),
        outbox(checker_pool, inbox.channel(), owner="two"),
    ):
        await until(lambda: count(conn, "accepted") == 100)

    assert sorted(inbox.event_ids) == sorted(one.event_id for one in told)


async def test_outbox_that_was_paused_beyond_its_claim_may_not_settle(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 1)
    with capture_logs() as logs:
        async with Inbox() as slow:
            slow.open.clear()
            async with running(outbox(checker_pool, slow.channel(), owner="paused")):
                await until(lambda: len(slow.arrived) == 1)
                conn.execute("UPDATE metrics.notification SET claimed_until_at = now()")
                async with running(outbox(checker_pool, inbox.channel(), owner="other")):
                    await until(lambda: count(conn, "accepted") == 1)
                slow.refuse(SendErrorKind.PERMANENT)
                slow.open.set()

    assert states(conn, "state, claim_epoch") == [("accepted", 2)]
    assert "claim lost while sending, it may be sent twice" in [line["event"] for line in logs]
    assert slow.event_ids == inbox.event_ids == [told[0].event_id]


async def test_stop_lets_what_is_being_sent_arrive_and_settles_it(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 2, group_key=None)
    inbox.open.clear()
    stop = asyncio.Event()
    task = asyncio.create_task(outbox(checker_pool, inbox.channel()).run(stop))
    await until(lambda: len(inbox.arrived) == 1)
    stop.set()
    await asyncio.sleep(0)
    inbox.open.set()

    await task

    assert sorted(states(conn, "state")) == [("accepted",), ("waiting",)]


async def test_stop_gives_up_on_a_provider_that_hangs_and_the_next_run_sends_again(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    inbox.open.clear()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(outbox(checker_pool, inbox.channel()).run(stop))
    await until(lambda: len(inbox.arrived) == 1)
    stopped_at_s = loop.time()
    stop.set()
    await task

    assert loop.time() - stopped_at_s < 5
    assert states(conn, "state") == [("claimed",)]
    inbox.open.set()
    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 1)
    assert len({one.message_id for one in inbox.arrived}) == 1


async def test_answer_that_cannot_be_settled_is_kept_until_the_database_is_back(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    inbox.open.clear()
    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: len(inbox.arrived) == 1)
        _end_sessions(conn)
        inbox.open.set()

        await until(lambda: count(conn, "accepted") == 1)

    assert len(inbox.arrived) == 1


def _end_sessions(conn: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Of the checker, as a restart of the server does."""
    conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'ntp-checker' AND datname = current_database()"
    )
