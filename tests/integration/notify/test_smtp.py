"""SMTP against aiosmtpd."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from ntp_checker.errors import ConfigError, PartlyTaken, SendError, SendErrorKind
from ntp_checker.model import ChannelKind, ChannelSettings, SmtpSecurity
from ntp_checker.notify.opening import open_channel
from ntp_checker.notify.smtp import SmtpChannel
from tests.certificates import tls_pair
from tests.mail_server import PASSWORD, Mailbox, MailServer
from tests.notices import make_message
from tests.rig.processes import free_tcp_port, wait_until

SENDER = "alerts@example.org"
RECIPIENTS = ("ann@example.org", "bob@example.org")
pytestmark = pytest.mark.asyncio


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def start(mailbox: Mailbox) -> Iterator[Callable[..., MailServer]]:
    running: list[MailServer] = []

    def start_one(**more: Any) -> MailServer:
        server = MailServer(mailbox, ident="the test's own", **more)
        server.start()
        running.append(server)
        return server

    yield start_one
    for server in running:
        if server._thread is not None:
            server.stop()


def channel(port: int, **more: Any) -> SmtpChannel:
    settings = {
        "host": "127.0.0.1",
        "security": SmtpSecurity.NONE,
        "sender": SENDER,
        "recipients": RECIPIENTS,
        **more,
    }
    return SmtpChannel(name="mail", port=port, **settings)


async def test_send_when_taken_then_servers_answer_is_told(start, mailbox: Mailbox) -> None:
    answer = await channel(start().port).send(make_message())

    assert answer == "2.0.0 queued as A1B2"
    [envelope] = mailbox.envelopes
    assert envelope.mail_from == SENDER
    assert tuple(envelope.rcpt_tos) == RECIPIENTS


async def test_send_when_taken_then_mail_is_whole(start, mailbox: Mailbox) -> None:
    message = make_message()
    await channel(start().port).send(message)
    mail = message_from_bytes(mailbox.envelopes[0].content, policy=policy.default)
    text = mail.get_body(("plain",)).get_content()

    assert mail["Subject"] == message.title
    assert mail["X-NTP-Checker-Event-Id"] == str(message.event_ids[0])
    assert mail["References"] == f"<alert.{message.thread_key}@example.org>"
    assert text.splitlines() == message.text.splitlines()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return tls_pair(tmp_path, "localhost")


@pytest.fixture
def guarded(start, mailbox: Mailbox, pair) -> MailServer:
    """Wants STARTTLS, then a login."""
    return start(
        tls_context=pair[0],
        require_starttls=True,
        authenticator=mailbox.authenticate,
        auth_required=True,
    )


def login(guarded: MailServer, pair, password: str = PASSWORD) -> SmtpChannel:
    return channel(
        guarded.port,
        host="localhost",
        security=SmtpSecurity.STARTTLS,
        tls=pair[1],
        user="checker",
        password=password,
    )


async def test_send_when_starttls_and_login_then_taken(guarded, pair, mailbox: Mailbox) -> None:
    await login(guarded, pair).send(make_message())

    assert mailbox.users == [b"checker"]
    assert mailbox.was_encrypted == [True]


async def test_send_when_password_is_wrong_then_next_channel_without_it(guarded, pair) -> None:
    with pytest.raises(SendError, match="535") as caught:
        await login(guarded, pair, "wr0ng-passw0rd").send(make_message())

    assert caught.value.kind is SendErrorKind.NEXT_CHANNEL
    assert "wr0ng-passw0rd" not in str(caught.value)


async def test_send_when_server_has_no_starttls_then_never_in_the_clear(
    start, mailbox: Mailbox
) -> None:
    with pytest.raises(SendError, match="STARTTLS") as caught:
        await channel(start().port, security=SmtpSecurity.STARTTLS).send(make_message())

    assert caught.value.kind is SendErrorKind.NEXT_CHANNEL
    assert mailbox.envelopes == []


async def test_send_when_certificate_is_of_nobody_then_next_channel(guarded) -> None:
    with pytest.raises(SendError, match="certificate is refused") as caught:
        await channel(guarded.port, host="localhost", security=SmtpSecurity.STARTTLS).send(
            make_message()
        )

    assert caught.value.kind is SendErrorKind.NEXT_CHANNEL


async def test_send_when_certificate_has_another_name_then_refused(guarded, pair) -> None:
    other = channel(guarded.port, security=SmtpSecurity.STARTTLS, tls=pair[1])
    with pytest.raises(SendError, match="certificate is refused"):
        await other.send(make_message())


async def test_send_when_server_speaks_tls_at_once_then_taken(
    start, mailbox: Mailbox, pair
) -> None:
    server = start(ssl_context=pair[0])
    implicit = channel(server.port, host="localhost", security=SmtpSecurity.TLS, tls=pair[1])

    assert await implicit.send(make_message()) == "2.0.0 queued as A1B2"
    assert len(mailbox.envelopes) == 1


async def test_send_when_one_recipient_is_refused_then_the_other_hears(
    start, mailbox: Mailbox
) -> None:
    mailbox.refusals["ann@example.org"] = "550 5.1.1 no such user"
    answer = await channel(start().port).send(make_message())

    assert answer == "2.0.0 queued as A1B2 (ann@example.org refused: 5.1.1 no such user)"
    assert mailbox.envelopes[0].rcpt_tos == ["bob@example.org"]


async def test_send_when_one_is_to_come_later_then_only_he_is_tried_again(
    start, mailbox: Mailbox
) -> None:
    mails = channel(start().port)
    mailbox.refusals["ann@example.org"] = "450 4.2.0 greylisted"
    with pytest.raises(SendError, match="greylisted") as caught:
        await mails.send(make_message())
    mailbox.refusals.clear()
    await mails.send(make_message())

    assert caught.value.kind is SendErrorKind.RETRY
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [
        ["bob@example.org"],
        ["ann@example.org"],
    ]


async def test_send_when_one_never_takes_it_then_it_counts_as_taken_with_his_servers_words(
    start, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails, message = channel(start().port), make_message()
    mailbox.refusals["bob@example.org"] = "452 4.2.2 mailbox full"
    partly = []
    for _ in range(3):
        with pytest.raises(
            PartlyTaken, match=r"bob@example\.org refused: 4\.2\.2 mailbox"
        ) as caught:
            await mails.send(message)
        partly.append(caught.value.is_news)
    monkeypatch.setattr("ntp_checker.notify.channel.REST_TRIED_FOR_S", 0.0)
    answer = await mails.send(message)

    assert partly == [True, False, False]
    assert answer == "2.0.0 queued as A1B2 (bob@example.org refused: 4.2.2 mailbox full)"
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["ann@example.org"]]


async def test_send_when_server_goes_before_the_last_has_it_then_the_others_still_have_it(
    start, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, message = start(), make_message()
    mails = channel(server.port)
    mailbox.refusals["bob@example.org"] = "450 4.2.0 greylisted"
    with pytest.raises(PartlyTaken):
        await mails.send(message)
    server.stop()
    with pytest.raises(PartlyTaken) as caught:
        await mails.send(message)
    monkeypatch.setattr("ntp_checker.notify.channel.REST_TRIED_FOR_S", 0.0)

    assert not caught.value.is_news
    assert "(bob@example.org refused: 127.0.0.1: " in await mails.send(message)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("450 4.2.0 later", SendErrorKind.RETRY),
        ("550 5.1.1 no such user", SendErrorKind.PERMANENT),
    ],
)
async def test_send_when_all_are_refused_then_says_what_can_be_done(
    start, mailbox: Mailbox, answer: str, kind: SendErrorKind
) -> None:
    mailbox.refusals = dict.fromkeys(RECIPIENTS, answer)
    with pytest.raises(SendError) as caught:
        await channel(start().port).send(make_message())

    assert caught.value.kind is kind
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("452 4.3.1 disk full", SendErrorKind.RETRY),
        ("554 5.7.1 looks like spam", SendErrorKind.PERMANENT),
    ],
)
async def test_send_when_mail_is_refused_then_says_what_can_be_done(
    start, mailbox: Mailbox, answer: str, kind: SendErrorKind
) -> None:
    mailbox.data_answer = answer
    with pytest.raises(SendError, match=answer[4:]) as caught:
        await channel(start().port).send(make_message())

    assert caught.value.kind is kind


async def test_send_when_an_address_is_none_then_the_others_hear(start, mailbox: Mailbox) -> None:
    three = ("ann@example.org", "b@d@example.org", "bob@example.org")
    answer = await channel(start().port, recipients=three).send(make_message())

    assert "b@d@example.org refused: not a mail address" in answer
    assert tuple(mailbox.envelopes[0].rcpt_tos) == RECIPIENTS


async def test_send_when_nobody_listens_then_retry() -> None:
    with pytest.raises(SendError) as caught:
        await channel(free_tcp_port("127.0.0.1")).send(make_message())

    assert caught.value.kind is SendErrorKind.RETRY


async def test_send_when_server_is_silent_then_ends_in_time_and_line_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun_s = time.monotonic()
        with pytest.raises(SendError, match=r"within 0\.4 s") as caught:
            await channel(silent.getsockname()[1], timeout_s=0.4).send(make_message())
        taken, _ = silent.accept()
        taken.settimeout(5)
        with taken:
            assert await asyncio.to_thread(taken.recv, 1) == b""

        assert caught.value.kind is SendErrorKind.RETRY
        assert time.monotonic() - begun_s < 3


async def test_send_when_greeting_drips_then_thread_ends_with_the_deadline() -> None:
    ended = threading.Event()

    def drip(listening: socket.socket) -> None:
        taken, _ = listening.accept()
        with taken:
            try:
                while not ended.wait(0.05):
                    taken.sendall(b"2")
            except OSError:
                ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = threading.Thread(target=drip, args=(listening,))
        dripping.start()
        try:
            with pytest.raises(SendError, match=r"within 0\.4 s"):
                await channel(listening.getsockname()[1], timeout_s=0.4).send(make_message())
            await asyncio.to_thread(wait_until, ended.is_set, "the line is cut", timeout_s=3)
        finally:
            ended.set()
            dripping.join()


async def test_channel_when_password_would_go_in_the_clear_then_refused() -> None:
    with pytest.raises(ConfigError, match="channel mail: a password needs"):
        channel(25, user="checker", password=PASSWORD)


async def test_open_when_kind_is_smtp_then_sends(start, mailbox: Mailbox) -> None:
    settings = ChannelSettings(
        name="mail",
        kind=ChannelKind.SMTP,
        host="127.0.0.1",
        port=start().port,
        security=SmtpSecurity.NONE,
        sender=SENDER,
        recipients=RECIPIENTS,
    )
    opened = open_channel(settings, ses_client=pytest.fail)
    await opened.send(make_message())

    assert opened.recipients == RECIPIENTS
    assert len(mailbox.envelopes) == 1
