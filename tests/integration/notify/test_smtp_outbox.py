"""A recipient that never takes a mail, through the outbox: the others hear, once, and of all."""

from collections.abc import Iterator
from email import message_from_bytes, policy

import pytest

from ntp_checker.model import Notification, SmtpSecurity, TransitionKind
from ntp_checker.notify.smtp import SmtpChannel
from ntp_checker.store.notifications import queue, waiting_ages_s
from ntp_checker.store.pool import CheckerPool
from tests.mail_server import Mailbox, MailServer
from tests.outboxes import count, outbox, running, states, with_pager
from tests.stored_alerts import alert, save, tell, transition
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio
ANN, BOB = "ann@example.org", "bob@example.org"


@pytest.fixture
def mailbox() -> Mailbox:
    box = Mailbox()
    box.refusals[BOB] = "452 4.2.2 mailbox full"
    return box


@pytest.fixture
def mails(mailbox: Mailbox) -> Iterator[SmtpChannel]:
    server = MailServer(mailbox, ident="the test's own")
    server.start()
    yield SmtpChannel(
        name="mail",
        host="127.0.0.1",
        port=server.port,
        security=SmtpSecurity.NONE,
        sender="ntp@example.org",
        recipients=(ANN, BOB),
    )
    server.stop()


def heard(mailbox: Mailbox, recipient: str) -> list[str]:
    """The event ids of all mails that this one got."""
    mails = [
        message_from_bytes(one.content or b"", policy=policy.default)
        for one in mailbox.envelopes
        if recipient in one.rcpt_tos
    ]
    return [str(event_id) for mail in mails for event_id in mail.get_all("X-NTP-Checker-Event-Id")]


def make_rests_due(conn: Conn) -> None:
    """What waits has waited for long: it would be in a digest."""
    conn.execute(
        "UPDATE metrics.notification"
        " SET not_before_at = not_before_at - interval '10 minutes', retry_at = clock_timestamp()"
        " WHERE state = 'waiting'"
    )


async def test_mails_when_one_mailbox_is_full_then_the_other_gets_each_event_once_and_at_once(
    conn: Conn, checker_pool: CheckerPool, mailbox: Mailbox, mails: SmtpChannel
) -> None:
    told = []
    sending = outbox(checker_pool, mails)
    async with running(sending):
        for number in range(4):
            told += await tell(checker_pool, 2, first=2 * number, group_key=f"g{number}")
            await until(lambda n=number: len(mailbox.envelopes) == n + 1, wait_s=5)
            await until(lambda: count(conn, "claimed") == 0)
            make_rests_due(conn)
            await until(
                lambda: (
                    all(kind == "partly_taken" for (kind,) in states(conn, "error_kind"))
                    and count(conn, "claimed") == 0
                    and not conn.execute(
                        "SELECT FROM metrics.notification WHERE retry_at <= clock_timestamp()"
                    ).fetchall()
                )
            )
            [health] = sending.channel_states()
            assert health.refused_for_s is None
        async with checker_pool.connection() as held:
            assert await waiting_ages_s(held) == {}

    assert sorted(heard(mailbox, ANN)) == sorted(str(one.event_id) for one in told)
    assert {state for (state,) in states(conn, "state")} == {"waiting"}


async def test_mails_when_the_full_mailbox_is_emptied_then_it_gets_the_same_mails(
    conn: Conn, checker_pool: CheckerPool, mailbox: Mailbox, mails: SmtpChannel
) -> None:
    async with running(outbox(checker_pool, mails)):
        for number in range(3):
            await tell(checker_pool, 2, first=2 * number, group_key=f"g{number}")
            await until(lambda n=number: len(mailbox.envelopes) == n + 1)
        await until(lambda: count(conn, "claimed") == 0)
        mailbox.refusals.clear()
        make_rests_due(conn)
        await until(lambda: count(conn, "accepted") == 6)

    assert len(mailbox.envelopes) == 6
    assert sorted(heard(mailbox, BOB)) == sorted(heard(mailbox, ANN))


async def test_mails_when_the_mailbox_stays_full_then_accepted_with_its_words_and_nobody_stands_in(
    conn: Conn,
    checker_pool: CheckerPool,
    mailbox: Mailbox,
    mails: SmtpChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pager:
        name, recipients = "pager", ()

        async def send(self, _message: object) -> str:
            raise AssertionError("nobody needs it")

    await tell(checker_pool, 2)
    ways = (mails, Pager())
    async with running(outbox(checker_pool, *ways, fallbacks_of=with_pager)):  # type: ignore[arg-type]
        await until(lambda: states(conn, "error_kind") == [("partly_taken",)] * 2)
        monkeypatch.setattr("ntp_checker.notify.channel.REST_TRIED_FOR_S", 0.0)
        make_rests_due(conn)
        await until(lambda: count(conn, "accepted") == 2)

    assert conn.execute("SELECT provider_answer FROM metrics.message").fetchall() == [
        (f"2.0.0 queued as A1B2 ({BOB} refused: 4.2.2 mailbox full)",)
    ]
    assert heard(mailbox, BOB) == []


async def test_end_of_an_alert_when_one_still_misses_its_beginning_then_the_other_hears_it_alone(
    conn: Conn, checker_pool: CheckerPool, mailbox: Mailbox, mails: SmtpChannel
) -> None:
    await tell(checker_pool, 1)
    async with running(outbox(checker_pool, mails)):
        await until(lambda: states(conn, "error_kind") == [("partly_taken",)])
        end = transition(alert("h0"), TransitionKind.RESOLVED, 2)
        async with checker_pool.connection() as held, held.transaction():
            await save(held, [alert("h0", last_ordinal=2)], [end])
            await queue(
                held, [Notification(event_id=end.event_id, channel="mail", group_key="servers")]
            )
        await until(lambda: len(mailbox.envelopes) == 2)

    assert len(heard(mailbox, ANN)) == 2
    assert len(set(heard(mailbox, ANN))) == 2
