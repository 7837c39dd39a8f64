"""A webhook through the outbox, to servers that mean no good: who hears, and what is on record."""

from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from ntp_checker.notify.http import Poster
from ntp_checker.notify.webhook import WebhookChannel
from ntp_checker.reach import Reach
from ntp_checker.store.pool import CheckerPool
from tests import http_receiver as server
from tests.http_receiver import Receiver, answer, http_receiver
from tests.inbox import Inbox
from tests.outboxes import count, outbox, running, states, with_pager
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio
INWARD = answer("307 Moved", Location="http://169.254.169.254/latest/meta-data/")


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver() as running_one:
        yield running_one


def hook(receiver: Receiver, reach: Reach = Reach.INWARD_TOO) -> WebhookChannel:
    url = f"{receiver.url}/s3cr3t"
    return WebhookChannel(name="mail", url=url, poster=Poster(reach=reach))


async def test_webhook_when_it_redirects_inward_then_not_followed_and_another_channel_hears(
    receiver: Receiver, inbox: Inbox, conn: Conn, checker_pool: CheckerPool
) -> None:
    told = await tell(checker_pool, 3)
    receiver.respond = INWARD
    channels = (hook(receiver), inbox.channel("pager"))

    async with running(outbox(checker_pool, *channels, fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 3)

    assert len(receiver.requests) == 1
    assert set(inbox.event_ids) == {one.event_id for one in told}
    reason = "127.0.0.1 answers 307: redirects are not followed"
    assert states(conn, "channel, state, error_text") == [
        *[("mail", "given_up", reason)] * 3,
        *[("pager", "accepted", None)] * 3,
    ]


async def test_webhook_when_it_no_longer_redirects_then_what_waited_is_posted(
    receiver: Receiver, conn: Conn, checker_pool: CheckerPool
) -> None:
    told = await tell(checker_pool, 3)
    receiver.respond = INWARD

    async with running(outbox(checker_pool, hook(receiver))):
        await until(lambda: count(conn, "waiting") == 3 and len(receiver.requests) == 1)
        receiver.respond = answer("200 OK")
        conn.execute("UPDATE metrics.notification SET retry_at = now()")
        await until(lambda: count(conn, "accepted") == 3)

    posted = orjson.loads(receiver.requests[-1].body)
    assert set(posted["message"]["event_ids"]) == {str(one.event_id) for one in told}


async def test_webhook_when_its_address_is_inward_then_nothing_is_sent_there(
    receiver: Receiver, inbox: Inbox, conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)
    channels = (hook(receiver, Reach.OUTWARD), inbox.channel("pager"))

    async with running(outbox(checker_pool, *channels, fallbacks_of=with_pager)):
        await until(lambda: count(conn, "accepted") == 1)

    assert receiver.requests == []
    assert states(conn, "channel, error_text")[0] == (
        "mail",
        "127.0.0.1 leads inward (127.0.0.1): refused",
    )


@pytest.mark.parametrize("body", [server.endless, server.drip])
async def test_webhook_when_its_body_never_ends_then_taken_and_the_next_one_goes(
    receiver: Receiver, conn: Conn, checker_pool: CheckerPool, body: server.Respond
) -> None:
    await tell(checker_pool, 2, group_key=None)
    receiver.respond = body

    async with running(outbox(checker_pool, hook(receiver))):
        await until(lambda: count(conn, "accepted") == 2)

    assert len(receiver.requests) == 2
    assert conn.execute("SELECT provider_answer FROM metrics.message").fetchall() == [
        ("HTTP 200",),
        ("HTTP 200",),
    ]


async def test_webhook_when_busy_then_its_wish_is_kept_and_it_hears_once(
    receiver: Receiver, conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)
    receiver.respond = answer("429 Too Many Requests", Retry_After="120")

    async with running(outbox(checker_pool, hook(receiver))):
        await until(lambda: count(conn, "waiting") == 1 and len(receiver.requests) == 1)

    assert states(conn, "error_kind, retry_at > now() + interval '90 seconds'") == [("retry", True)]
