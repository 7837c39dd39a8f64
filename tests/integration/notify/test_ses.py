"""Amazon SES: mails in moto's server."""

import pytest

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.model import ChannelKind, ChannelSettings, TransitionKind
from ntp_checker.notify.opening import open_channel
from ntp_checker.notify.ses import SesChannel, make_ses_client
from tests.http_receiver import Receiver, http_receiver
from tests.integration.notify.conftest import SENDER
from tests.moto_server import MotoServer, SentMail
from tests.notices import make_message, make_notice

RECIPIENTS = ("ann@example.org", "bob@example.org")
pytestmark = pytest.mark.asyncio


def channel(recipients: tuple[str, ...] = RECIPIENTS) -> SesChannel:
    return SesChannel(name="mail", client=make_ses_client(), sender=SENDER, recipients=recipients)


async def send_one(ses: MotoServer) -> SentMail:
    assert await channel().send(make_message())
    [mail] = ses.sent()
    return mail


async def test_send_when_taken_then_both_hear(ses: MotoServer) -> None:
    sent = await send_one(ses)

    assert sent.source == SENDER
    assert sent.recipients == RECIPIENTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Subject", "CRITICAL [gps1] clock offset"),
        ("From", "NTP Checker <alerts@example.org>"),
        ("To", "ann@example.org, bob@example.org"),
        ("Auto-Submitted", "auto-generated"),
        ("List-Id", "NTP Checker alerts <alerts.example.org>"),
        ("X-NTP-Checker-Event-Id", str(make_message().event_ids[0])),
        ("X-NTP-Checker-Message-Id", str(make_message().message_id)),
    ],
)
async def test_send_when_taken_then_header_is_ours(ses: MotoServer, name: str, value: str) -> None:
    sent = await send_one(ses)

    assert sent.mail.get_all(name) == [value]


async def test_send_when_taken_then_text_first_and_html_beside(ses: MotoServer) -> None:
    sent = await send_one(ses)
    message = make_message()

    assert sent.mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in sent.mail.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    assert sent.part("plain").splitlines() == message.text.splitlines()
    assert sent.part("html").splitlines() == (message.html or "").splitlines()


async def test_send_when_alert_ends_then_same_thread(ses: MotoServer) -> None:
    mails = channel()
    await mails.send(make_message())
    await mails.send(make_message(make_notice(kind=TransitionKind.RESOLVED, ordinal=2)))
    opened, resolved = (sent.mail for sent in ses.sent())

    assert opened["References"] == resolved["References"] == opened["In-Reply-To"]
    assert opened["References"] == f"<alert.{make_message().thread_key}@example.org>"
    assert opened["Message-ID"] != resolved["Message-ID"]


async def test_send_when_digest_then_no_thread(ses: MotoServer) -> None:
    await channel().send(make_message(make_notice("a"), make_notice("b")))

    assert ses.sent()[0].mail["References"] is None


async def test_send_when_words_are_hostile_then_no_header_of_theirs(ses: MotoServer) -> None:
    host = "a\r\nBcc: eve@example.org\r\n\r\n\x00\x1b[31m\u202e"
    await channel().send(make_message(make_notice(host, reason=host)))
    [sent] = ses.sent()

    assert sent.mail["Bcc"] is None
    assert sent.recipients == RECIPIENTS
    assert sent.mail["Subject"].startswith("CRITICAL [a Bcc: eve@example.org")


async def test_send_when_subject_is_not_ascii_then_reads_as_written(ses: MotoServer) -> None:
    await channel().send(make_message(make_notice("zeit-köln-" + "ü" * 40)))

    assert ses.sent()[0].mail["Subject"] == f"CRITICAL [zeit-köln-{'ü' * 40}] clock offset"


@pytest.mark.usefixtures("ses")
async def test_send_when_sender_is_not_verified_then_the_next_channel() -> None:
    other = SesChannel(
        name="mail", client=make_ses_client(), sender="x@example.net", recipients=RECIPIENTS
    )
    with pytest.raises(SendError, match="MessageRejected") as caught:
        await other.send(make_message())

    assert caught.value.kind is SendErrorKind.NEXT_CHANNEL


async def test_send_when_one_address_is_bad_then_the_others_hear(ses: MotoServer) -> None:
    three = ("ann@example.org", "b@d@example.org", "bob@example.org")
    answer = await channel(three).send(make_message())

    assert [sent.recipients for sent in ses.sent()] == [RECIPIENTS]
    assert "b@d@example.org refused: not a mail address" in answer


async def test_send_when_answer_is_lost_then_second_has_the_same_event_id(
    ses: MotoServer, aws: pytest.MonkeyPatch
) -> None:
    receiver: Receiver

    async def forward_and_fall_silent(_reader: object, _writer: object) -> None:
        request = receiver.requests[-1]
        await ses.forward(request.line, request.headers, request.body)

    async with http_receiver(forward_and_fall_silent) as receiver:
        aws.setenv("AWS_ENDPOINT_URL_SESV2", receiver.url)
        with pytest.raises(SendError) as caught:
            await channel().send(make_message())
    aws.setenv("AWS_ENDPOINT_URL_SESV2", ses.url)
    await channel().send(make_message())
    first, second = (sent.mail["X-NTP-Checker-Event-Id"] for sent in ses.sent())

    assert caught.value.kind is SendErrorKind.RETRY
    assert first == second == str(make_message().event_ids[0])


async def test_open_when_kind_is_ses_then_sends(ses: MotoServer) -> None:
    settings = ChannelSettings(
        name="mail",
        kind=ChannelKind.SES,
        sender=SENDER,
        recipients=RECIPIENTS,
    )
    opened = open_channel(settings, ses_client=make_ses_client)

    assert opened.recipients == RECIPIENTS
    assert await opened.send(make_message())
    assert len(ses.sent()) == 1
