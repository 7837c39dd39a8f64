"""The outbox at work: PostgreSQL on one side, a provider behind a socket on the other."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ntp_checker.errors import SendErrorKind
from ntp_checker.store.pool import CheckerPool
from tests.inbox import Inbox
from tests.outboxes import count, outbox, running, states
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio


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


async def test_ten_thousand_transitions_are_covered_by_a_few_messages(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 10_000)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 10_000)

    assert len(inbox.arrived) == 10
    assert sorted(inbox.event_ids) == sorted(one.event_id for one in told)


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
