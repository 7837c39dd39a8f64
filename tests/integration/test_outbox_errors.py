"""What the outbox does when a message is not taken, or not made, or not settled."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from ntp_checker.errors import SendErrorKind
from ntp_checker.message import OutgoingMessage
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerConnection, CheckerPool
from tests.inbox import Inbox
from tests.outboxes import count, outbox, running, states, with_pager
from tests.stored_alerts import compose_claimed, tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio


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
    conn.execute(
        "UPDATE metrics.notification SET attempts = 6, not_before_at = now() - interval '1 minute'"
    )
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


async def test_group_with_one_that_cannot_be_made_goes_out_but_for_that(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    async def compose(held: CheckerConnection, claimed: Sequence[Claimed]) -> OutgoingMessage:
        if "h0" in {one.transition.key.host for one in claimed}:
            raise KeyError("no such word")
        return await compose_claimed(held, claimed)

    await tell(checker_pool, 5)

    async with running(outbox(checker_pool, inbox.channel(), compose=compose)):
        await until(lambda: count(conn, "accepted") == 4)

    assert len(inbox.arrived) == 4
    assert {row[0] for row in states(conn, "error_kind")} == {None, "internal"}


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
