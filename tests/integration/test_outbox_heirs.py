"""What waited for a channel that the settings have no more."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.errors import SendErrorKind
from ntp_checker.model import Due, Notification, TransitionKind
from ntp_checker.routing import Told
from ntp_checker.store.notifications import queue, read_told
from ntp_checker.store.pool import CheckerPool
from tests.inbox import Inbox
from tests.outboxes import count, outbox, running, states
from tests.stored_alerts import alert, save, tell, transition
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio


def to_pager(_: Due) -> Mapping[str, datetime | None]:
    """Today's routes name the pager, and a channel that is to come with the next start."""
    return {"pager": None, "telex": None}


async def test_channel_when_it_left_then_its_letters_are_dead_and_the_routes_channels_hear(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 2, channel="fax")
    ways = (inbox.channel(), inbox.channel("pager"))

    async with running(outbox(checker_pool, *ways, heirs_of=to_pager)):
        await until(lambda: count(conn, "accepted") == 2)

    assert states(conn, "channel, state, error_kind") == [
        ("fax", "given_up", "unknown_channel"),
        ("fax", "given_up", "unknown_channel"),
        ("pager", "accepted", None),
        ("pager", "accepted", None),
    ]
    assert set(inbox.event_ids) == {one.event_id for one in told}


async def test_channel_when_it_left_and_no_route_names_another_then_all_channels_hear(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 2, channel="fax")
    await tell(checker_pool, 1)
    ways = (inbox.channel(), inbox.channel("pager"))

    async with running(outbox(checker_pool, *ways)):
        await until(lambda: count(conn, "accepted") == 4)

    assert states(conn) == [
        *[("fax", "given_up")] * 2,
        *[("mail", "accepted")] * 2,
        *[("pager", "accepted")] * 2,
    ]


async def test_end_when_the_beginning_went_to_who_stands_in_then_he_is_told(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1, channel="fax")
    async with running(outbox(checker_pool, inbox.channel("pager"))):
        await until(lambda: count(conn, "accepted") == 1)
    end = transition(alert("h0"), TransitionKind.RESOLVED, 2)
    async with checker_pool.connection() as held, held.transaction():
        await save(held, [alert("h0", last_ordinal=2)], [end])
        told = await read_told(held, [end.event_id])

    assert told[end.event_id] == {
        "pager": Told(until_at=None, group_key="servers", is_critical=True)
    }


async def test_end_when_its_channel_heard_the_beginning_and_left_then_others_hear_it(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.outbox.heirs.LOOK_AGAIN_S", 0.05)
    await tell(checker_pool, 1, channel="fax")
    conn.execute("UPDATE metrics.notification SET state = 'accepted'")
    end = transition(alert("h0"), TransitionKind.RESOLVED, 2)
    async with running(outbox(checker_pool, inbox.channel("pager"))):
        async with checker_pool.connection() as held, held.transaction():
            await save(held, [alert("h0", last_ordinal=2)], [end])
            await queue(
                held, [Notification(event_id=end.event_id, channel="fax", group_key="servers")]
            )
        conn.execute(
            "UPDATE metrics.notification SET not_before_at = now() - interval '1 minute'"
            " WHERE state = 'waiting'"
        )
        await until(lambda: inbox.event_ids == [end.event_id])
        await until(lambda: count(conn, "accepted") == 2)

    assert states(conn) == [("fax", "accepted"), ("fax", "given_up"), ("pager", "accepted")]


async def test_channel_when_it_left_then_what_waits_for_a_later_hour_waits(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    later_at = datetime.now(UTC) + timedelta(hours=1)
    await tell(checker_pool, 1, channel="fax", not_before_at=later_at)
    await tell(checker_pool, 1, first=1, channel="fax")

    async with running(outbox(checker_pool, inbox.channel("pager"))):
        await until(lambda: count(conn, "accepted") == 1)

    assert states(conn) == [("fax", "waiting"), ("fax", "given_up"), ("pager", "accepted")]


async def test_channel_when_it_left_and_its_heir_refuses_then_that_waits_as_ever(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1, channel="fax")
    inbox.refuse(SendErrorKind.RETRY)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 1)

    assert len(inbox.arrived) == 2
