"""What Amazon SES may answer, from a server that answers as SES does."""

import os
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.model import ChannelKind, ChannelSettings
from ntp_checker.notify.opening import open_channel
from ntp_checker.notify.ses import SesChannel, make_ses_client
from tests import http_receiver as server
from tests.http_receiver import Receiver, answer, http_receiver
from tests.notices import make_message

RETRY, NEXT = SendErrorKind.RETRY, SendErrorKind.NEXT_CHANNEL
PERMANENT, CLOCK = SendErrorKind.PERMANENT, SendErrorKind.OWN_CLOCK
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def ses(aws: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    async with http_receiver(answer("200 OK", b'{"MessageId": "m-1"}')) as receiver:
        aws.setenv("AWS_ENDPOINT_URL_SESV2", receiver.url)
        yield receiver


def refuse(status: int, code: str, message: str) -> server.Respond:
    body = orjson.dumps({"message": message})
    return answer(f"{status} No", body, x_amzn_ErrorType=code, Content_Type="application/json")


def channel(**more: Any) -> SesChannel:
    settings = {"sender": "a@example.org", "recipients": ("b@example.org",), **more}
    return SesChannel(name="mail", client=make_ses_client(), **settings)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", RETRY),
        (400, "ThrottlingException", "Maximum sending rate exceeded.", RETRY),
        (400, "Throttling", "Rate exceeded", RETRY),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", NEXT),
        (400, "ThrottlingException", "Daily message quota exceeded.", NEXT),
        (400, "LimitExceededException", "Daily sending quota exceeded", NEXT),
        (400, "AccountSuspendedException", "Your account is suspended", NEXT),
        (400, "SendingPausedException", "Sending is paused", NEXT),
        (400, "MailFromDomainNotVerifiedException", "MAIL FROM", NEXT),
        (403, "AccessDeniedException", "not authorized to perform ses:SendEmail", NEXT),
        (404, "NotFoundException", "Configuration set does not exist", NEXT),
        (400, "MessageRejected", "Email address is not verified", NEXT),
        (400, "MessageRejected", "Illegal content", PERMANENT),
        (403, "UnrecognizedClientException", "The security token is invalid", NEXT),
        (403, "ExpiredTokenException", "The security token has expired", RETRY),
        (403, "RequestTimeTooSkewed", "The difference is too large", CLOCK),
        (403, "SignatureDoesNotMatch", "Signature expired: 20260102T030405Z is now", CLOCK),
        (403, "InvalidSignatureException", "Signature not yet current: 2026", CLOCK),
        (403, "SignatureDoesNotMatch", "Check your AWS Secret Access Key", NEXT),
        (500, "InternalFailure", "", RETRY),
        (503, "ServiceUnavailable", "", RETRY),
    ],
)
async def test_send_when_refused_then_says_what_can_be_done(
    ses: Receiver, status: int, code: str, message: str, kind: SendErrorKind
) -> None:
    ses.respond = refuse(status, code, message)
    with pytest.raises(SendError, match=re.escape(code)) as caught:
        await channel().send(make_message())

    assert caught.value.kind is kind


@pytest.mark.parametrize(
    "message",
    [
        "Did not have authority to send from email ntp@example.org",
        "Email address is not verified. These identities failed the check: NTP@example.org, b@c.de",
        f"Email address is not verified. {'x' * 200} ntp@example.org.",
    ],
)
async def test_send_when_the_sender_is_not_verified_then_no_recipient_is_blamed(
    ses: Receiver, message: str
) -> None:
    ses.respond = refuse(400, "MessageRejected", message)
    two = channel(sender="ntp@example.org", recipients=("ann@example.org", "bob@example.org"))
    with pytest.raises(SendError) as caught:
        await two.send(make_message())

    assert caught.value.detail.startswith("the sender ntp@example.org is not allowed: Amazon SES:")
    assert "refused" not in caught.value.detail
    assert caught.value.kind is NEXT
    assert recipients_of(ses) == [2]


@pytest.mark.parametrize("named", ["antp@example.org", "ntp@example.org.uk", "ntp@example.orga"])
async def test_send_when_another_address_is_named_then_the_recipient_is(
    ses: Receiver, named: str
) -> None:
    ses.respond = refuse(400, "MessageRejected", f"Email address is not verified: {named}")
    with pytest.raises(SendError, match=r"^ann@example\.org refused"):
        await channel(sender="ntp@example.org", recipients=("ann@example.org",)).send(
            make_message()
        )


async def test_send_when_refused_then_asked_once(ses: Receiver) -> None:
    ses.respond = refuse(503, "ServiceUnavailable", "")
    with pytest.raises(SendError):
        await channel().send(make_message())

    assert len(ses.requests) == 1


async def test_send_when_throttled_then_soon_again(ses: Receiver) -> None:
    ses.respond = refuse(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
    with pytest.raises(SendError) as caught:
        await channel().send(make_message())

    assert caught.value.retry_after_s == 1


async def test_send_when_clock_is_refused_then_says_whose(ses: Receiver) -> None:
    ses.respond = refuse(403, "RequestTimeTooSkewed", "too large")
    with pytest.raises(SendError, match="this machine's clock differs from AWS's"):
        await channel().send(make_message())


async def test_send_when_answer_is_lost_then_retry(ses: Receiver) -> None:
    ses.respond = server.close
    with pytest.raises(SendError) as caught:
        await channel().send(make_message())

    assert caught.value.kind is RETRY


async def test_send_when_no_answer_then_ends_in_time(ses: Receiver) -> None:
    ses.respond = server.silence
    patient = channel(timeout_s=0.4)  # to make one takes time, too, but no sender waits for it
    begun_s = time.monotonic()
    with pytest.raises(SendError, match=r"did not answer within 0\.4 s") as caught:
        await patient.send(make_message())

    assert caught.value.kind is RETRY
    assert time.monotonic() - begun_s < 2


async def test_send_when_nobody_listens_then_retry(aws: pytest.MonkeyPatch) -> None:
    async with http_receiver() as gone:
        aws.setenv("AWS_ENDPOINT_URL_SESV2", gone.url)
    with pytest.raises(SendError) as caught:
        await channel().send(make_message())

    assert caught.value.kind is RETRY


async def test_send_when_there_are_no_credentials_then_next_channel(
    ses: Receiver, aws: pytest.MonkeyPatch
) -> None:
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SendError, match="credentials") as caught:
        await channel().send(make_message())

    assert caught.value.kind is NEXT
    assert ses.requests == []


async def test_client_when_there_is_no_region_then_says_so(aws: pytest.MonkeyPatch) -> None:
    aws.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SendError, match="region"):
        make_ses_client()


async def test_client_when_region_is_in_aws_region_then_used(aws: pytest.MonkeyPatch) -> None:
    aws.delenv("AWS_DEFAULT_REGION")
    aws.setenv("AWS_REGION", "eu-central-1")

    assert make_ses_client().meta.region_name == "eu-central-1"  # type: ignore[attr-defined]


async def test_send_when_answer_repeats_the_secret_then_error_does_not(ses: Receiver) -> None:
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    ses.respond = refuse(400, "BadRequestException", f"you sent {secret}")
    with pytest.raises(SendError) as caught:
        await channel().send(make_message())

    assert secret not in str(caught.value)


async def test_send_when_set_up_then_request_has_set_and_tags(ses: Receiver) -> None:
    await channel(configuration_set="alerts", tags={"fleet": "berlin"}).send(make_message())
    body = orjson.loads(ses.requests[0].body)

    assert body["ConfigurationSetName"] == "alerts"
    assert {tag["Name"]: tag["Value"] for tag in body["EmailTags"]} == {
        "fleet": "berlin",
        "severity": "critical",
        "state": "firing",
    }


async def test_open_when_settings_have_tags_then_request_has_them(ses: Receiver) -> None:
    settings = ChannelSettings(
        name="mail",
        kind=ChannelKind.SES,
        sender="alerts@example.org",
        recipients=("ann@example.org",),
        tags=(("fleet", "berlin"),),
    )
    await open_channel(settings, ses_client=make_ses_client).send(make_message())

    assert {"Name": "fleet", "Value": "berlin"} in orjson.loads(ses.requests[0].body)["EmailTags"]


def recipients_of(ses: Receiver) -> list[int]:
    bodies = [orjson.loads(request.body) for request in ses.requests]
    return [len(body["Destination"]["ToAddresses"]) for body in bodies]


@pytest.mark.parametrize(("count", "calls"), [(49, [49]), (50, [50]), (51, [50, 1])])
async def test_send_when_many_recipients_then_fifty_a_call(
    ses: Receiver, count: int, calls: list[int]
) -> None:
    many = tuple(f"a{number}@example.org" for number in range(count))
    await channel(recipients=many).send(make_message())

    assert recipients_of(ses) == calls


async def test_send_when_second_call_fails_then_only_it_is_made_again(ses: Receiver) -> None:
    taken, slow_down = ses.respond, refuse(429, "TooManyRequestsException", "rate")

    async def second_refused(reader: Any, writer: Any) -> None:
        await (slow_down if len(ses.requests) == 2 else taken)(reader, writer)

    ses.respond = second_refused
    mails = channel(recipients=tuple(f"a{number}@example.org" for number in range(60)))
    with pytest.raises(SendError):
        await mails.send(make_message())
    await mails.send(make_message())

    assert recipients_of(ses) == [50, 10, 10]


async def test_send_when_all_addresses_are_bad_then_permanent(ses: Receiver) -> None:
    ses.respond = refuse(400, "BadRequestException", "Illegal address")
    with pytest.raises(SendError, match="refused") as caught:
        await channel(recipients=("a@example.org", "b@example.org")).send(make_message())

    assert caught.value.kind is PERMANENT


async def test_send_when_ses_rejects_one_address_then_the_others_hear(ses: Receiver) -> None:
    taken, rejected = ses.respond, refuse(400, "BadRequestException", "Illegal address")

    async def bad_rejected(reader: Any, writer: Any) -> None:
        to = orjson.loads(ses.requests[-1].body)["Destination"]["ToAddresses"]
        await (rejected if "bad@example.org" in to else taken)(reader, writer)

    ses.respond = bad_rejected
    three = ("ann@example.org", "bad@example.org", "bob@example.org")
    said = await channel(recipients=three).send(make_message())

    assert recipients_of(ses) == [3, 1, 1, 1]
    assert said.startswith("m-1 m-1 (bad@example.org refused: Amazon SES: BadRequestException")
