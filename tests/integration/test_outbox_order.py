"""What was kept back goes out together, and an alert's beginning never after its end."""

from dataclasses import replace

import pytest

from ntp_checker.model import AlertState, Notification, Transition, TransitionKind
from ntp_checker.store.notifications import INTERNAL_ERROR, queue
from ntp_checker.store.pool import CheckerPool
from tests.inbox import Inbox
from tests.outboxes import count, outbox, running, states
from tests.stored_alerts import alert, save, slot, tell, transition
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio
NOT_YET = "UPDATE metrics.notification SET attempts = 5, error_kind = 'retry', retry_at = now() + interval '4 minutes'"


async def resolve(pool: CheckerPool, *, group_key: str) -> Transition:
    """The end of the alert that `tell` opened on h0, to be told, too."""
    closed = replace(
        alert("h0"),
        state=AlertState.CLOSED,
        closed_at=slot(9),
        last_ordinal=2,
        last_slot_at=slot(9),
    )
    ended = transition(closed, TransitionKind.RESOLVED, 2)
    async with pool.connection() as conn, conn.transaction():
        await save(conn, [closed], [ended])
        told = Notification(event_id=ended.event_id, channel="mail", group_key=group_key)
        await queue(conn, [told])
    return ended


@pytest.mark.parametrize("group_key", ["h0", "another"])
async def test_alert_that_is_over_before_its_first_mail_went_is_one_mail(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox, group_key: str
) -> None:
    [opened] = await tell(checker_pool, 1, group_key=None)
    conn.execute(NOT_YET)
    ended = await resolve(checker_pool, group_key=group_key)

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 2)

    assert [set(one.event_ids) for one in inbox.arrived] == [{opened.event_id, ended.event_id}]
    titles = conn.execute("SELECT title FROM metrics.message WHERE accepted_at IS NOT NULL")
    assert titles.fetchall() == [("RESOLVED [h0] clock offset",)]


async def test_beginning_that_is_late_goes_with_the_end_that_is_new(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 3, group_key=None)
    conn.execute(NOT_YET)
    conn.execute("UPDATE metrics.notification SET not_before_at = now() - interval '1 hour'")
    ended = await resolve(checker_pool, group_key="h0")

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 2)

    assert [set(one.event_ids) for one in inbox.arrived] == [{told[0].event_id, ended.event_id}]
    assert count(conn, "waiting") == 2


async def test_what_an_outage_of_hours_kept_back_is_one_message_whatever_its_next_attempt(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    told = await tell(checker_pool, 300, group_key=None)
    conn.execute(
        "UPDATE metrics.notification SET not_before_at = now() - interval '6 hours',"
        " attempts = 70, error_kind = 'retry',"
        " retry_at = now() + (notification_id % 300 - 10) * interval '1 second'"
    )

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 300)

    assert [set(one.event_ids) for one in inbox.arrived] == [{one.event_id for one in told}]


async def test_beginning_that_cannot_be_made_does_not_keep_back_the_end(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 1, group_key=None)
    conn.execute(NOT_YET)
    conn.execute("UPDATE metrics.notification SET error_kind = %s", [INTERNAL_ERROR])
    ended = await resolve(checker_pool, group_key="h0")

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 1)

    assert inbox.event_ids == [ended.event_id]
    assert states(conn, "state, error_kind")[0] == ("waiting", INTERNAL_ERROR)


async def test_group_that_failed_is_not_tried_before_its_time_where_none_of_it_is_due(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    await tell(checker_pool, 2)
    conn.execute(NOT_YET)
    [due] = await tell(checker_pool, 1, first=2, group_key="another")

    async with running(outbox(checker_pool, inbox.channel())):
        await until(lambda: count(conn, "accepted") == 1)

    assert inbox.event_ids == [due.event_id]
    assert count(conn, "waiting") == 2
