"""A channel that fails for a minute, or asks for more: its fallback hears, by the clock."""

import asyncio

import pytest

from ntp_checker.errors import SendErrorKind
from ntp_checker.store.pool import CheckerPool
from tests.inbox import Inbox
from tests.outboxes import count, outbox, running, states, with_pager
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio


async def test_retry_after_an_hour_when_asked_then_the_next_channel_hears_at_once(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    inbox.refuse(SendErrorKind.RETRY, retry_after_s=3_600)
    ways = (inbox.channel(), inbox.channel("pager"))

    async with running(outbox(checker_pool, *ways, fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 1)

    assert states(conn, "channel, state, attempts") == [
        ("mail", "waiting", 1),
        ("pager", "accepted", 1),
    ]


async def test_message_when_its_channel_rests_for_an_hour_then_the_next_channel_hears_at_once(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1)
    inbox.refuse(SendErrorKind.RETRY, retry_after_s=3_600)
    ways = (inbox.channel(), inbox.channel("pager"))
    async with running(outbox(checker_pool, *ways, fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 1)
        began_s = asyncio.get_running_loop().time()
        told = await tell(checker_pool, 1, first=1, group_key="others")
        await until(lambda: told[0].event_id in inbox.event_ids)
        passed_s = inbox.arrived[-1].at_s - began_s
        await until(lambda: count(conn, "accepted") == 2)

    assert passed_s < 5
    assert [one.channel for one in inbox.arrived] == ["mail", "pager", "pager"]
    assert states(conn, "channel, state, attempts") == [
        ("mail", "waiting", 1),
        ("mail", "waiting", 0),
        ("pager", "accepted", 1),
        ("pager", "accepted", 1),
    ]


async def test_channel_when_it_refuses_at_once_then_the_next_one_hears_all_within_the_time(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over_s = 5.0
    monkeypatch.setattr("ntp_checker.outbox.patience.HAND_OVER_S", hand_over_s)
    told = await tell(checker_pool, 10, group_key=None)
    for _ in range(100):
        inbox.refuse(SendErrorKind.RETRY)
    other = Inbox()
    async with (
        other,
        running(
            outbox(checker_pool, inbox.channel(), other.channel("pager"), fallbacks_of=with_pager)
        ),
    ):
        await until(lambda: len(inbox.arrived) > 0)
        first_s = inbox.arrived[0].at_s
        await until(lambda: set(other.event_ids) == {one.event_id for one in told})
        last_s = other.arrived[-1].at_s
        await until(lambda: count(conn, "accepted") == 10)

    assert last_s - first_s < hand_over_s + 2
    assert len(other.event_ids) == 10


async def test_message_when_there_is_no_next_channel_then_it_waits_for_the_break_untried(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.outbox.patience.HAND_OVER_S", 1.0)
    await tell(checker_pool, 3, group_key=None)
    inbox.refuse(SendErrorKind.RETRY, retry_after_s=3.0)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 3)

    assert inbox.arrived[1].at_s - inbox.arrived[0].at_s >= 3.0
    assert sorted(states(conn, "attempts")) == [(1,), (1,), (2,)]
