"""Recipients that SES has given up, from a server that answers as SES does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote

import orjson
import pytest
import pytest_asyncio
import structlog
from structlog.testing import capture_logs

from ntp_checker.notify import ses_suppressed
from ntp_checker.notify.channel import KnowsSuppressed
from ntp_checker.notify.ses import SesChannel, make_ses_client
from ntp_checker.outbox import DatabaseOutbox, Outbox
from ntp_checker.store.pool import CheckerPool
from tests import http_receiver as server
from tests.http_receiver import Receiver, answer, http_receiver
from tests.notices import make_message
from tests.outboxes import running
from tests.stored_alerts import compose_claimed
from tests.stored_samples import until

ANN, BOB = "ann@example.org", "bob+x@example.org"
LISTED = {"Reason": "BOUNCE", "EmailAddress": BOB, "LastUpdateTime": 1_767_323_045}
pytestmark = pytest.mark.asyncio


def refuse(status: int, code: str) -> server.Respond:
    return answer(f"{status} No", b"{}", x_amzn_ErrorType=code, Content_Type="application/json")


class SuppressionServer:
    """Takes every mail, and has these on its list."""

    def __init__(self, listed: dict[str, dict[str, object]]) -> None:
        self.listed = listed
        self.receiver: Receiver | None = None
        self.refusals: list[server.Respond] = []  #: of questions, used up one by one

    @property
    def asked(self) -> list[str]:
        """Whom it was asked for."""
        assert self.receiver is not None
        lines = [request.line.split(" ") for request in self.receiver.requests]
        return [unquote(path.rpartition("/")[2]) for method, path, _ in lines if method == "GET"]

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.receiver is not None
        if self.receiver.requests[-1].line.startswith("POST"):
            await answer("200 OK", b'{"MessageId": "m-1"}')(reader, writer)
        elif self.refusals:
            await self.refusals.pop(0)(reader, writer)
        elif found := self.listed.get(self.asked[-1]):
            body = orjson.dumps({"SuppressedDestination": found})
            await answer("200 OK", body, Content_Type="application/json")(reader, writer)
        else:
            await refuse(404, "NotFoundException")(reader, writer)


@pytest_asyncio.fixture
async def ses(aws: pytest.MonkeyPatch) -> AsyncIterator[SuppressionServer]:
    suppressing = SuppressionServer({BOB: LISTED})
    async with http_receiver(suppressing.respond) as receiver:
        suppressing.receiver = receiver
        aws.setenv("AWS_ENDPOINT_URL_SESV2", receiver.url)
        yield suppressing


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with capture_logs() as lines:
        yield lines


def channel() -> SesChannel:
    return SesChannel(
        name="mail", client=make_ses_client(), sender="a@example.org", recipients=(ANN, BOB)
    )


async def test_suppressed_when_one_bounced_then_it_is_named_with_the_reason(
    ses: SuppressionServer,
) -> None:
    assert await channel().suppressed_recipients() == {BOB: "bounce"}
    assert ses.asked == [ANN, BOB]


async def test_suppressed_when_found_then_a_warning_says_so_once(
    ses: SuppressionServer, logged: list[structlog.typing.EventDict], aws: pytest.MonkeyPatch
) -> None:
    aws.setattr(ses_suppressed, "ASK_EVERY_S", 0.0)
    mails = channel()
    await mails.suppressed_recipients()
    await mails.suppressed_recipients()

    assert len(ses.asked) == 4
    assert [line["recipient"] for line in logged if line["log_level"] == "warning"] == [BOB]


async def test_suppressed_when_asked_within_the_hour_then_ses_is_asked_once(
    ses: SuppressionServer,
) -> None:
    mails = channel()
    await mails.suppressed_recipients()

    assert await mails.suppressed_recipients() == {BOB: "bounce"}
    assert len(ses.asked) == 2


async def test_suppressed_when_taken_off_the_list_then_no_longer_named(
    ses: SuppressionServer, aws: pytest.MonkeyPatch
) -> None:
    aws.setattr(ses_suppressed, "ASK_EVERY_S", 0.0)
    mails = channel()
    await mails.suppressed_recipients()
    ses.listed.clear()

    assert await mails.suppressed_recipients() == {}


@pytest.mark.usefixtures("ses")
async def test_mail_when_a_recipient_is_suppressed_then_its_record_says_so() -> None:
    mails = channel()
    await mails.suppressed_recipients()

    said = await mails.send(make_message())

    assert said == f"m-1 ({BOB} gets no mail: on the suppression list after a bounce)"


async def test_mail_when_nothing_was_asked_then_it_waits_for_nothing(
    ses: SuppressionServer,
) -> None:
    assert await channel().send(make_message()) == "m-1"
    assert ses.asked == []


@pytest.mark.parametrize(
    "refusal", [refuse(403, "AccessDeniedException"), refuse(500, "InternalFailure"), server.close]
)
async def test_suppressed_when_it_cannot_be_asked_then_no_warning_and_mails_go_on(
    ses: SuppressionServer,
    logged: list[structlog.typing.EventDict],
    refusal: server.Respond,
) -> None:
    ses.refusals = [refusal]
    mails = channel()

    assert await mails.suppressed_recipients() == {}
    assert {line["log_level"] for line in logged} == {"info"}
    assert await mails.send(make_message()) == "m-1"


async def test_suppressed_when_throttled_then_asked_again(
    ses: SuppressionServer, aws: pytest.MonkeyPatch
) -> None:
    aws.setattr(ses_suppressed, "THROTTLED_PAUSE_S", 0.0)
    ses.refusals = [refuse(429, "TooManyRequestsException")] * 2

    assert await channel().suppressed_recipients() == {BOB: "bounce"}


async def test_suppressed_when_ses_is_silent_then_bounded(
    ses: SuppressionServer, aws: pytest.MonkeyPatch
) -> None:
    aws.setattr(ses_suppressed, "TIMEOUT_S", 0.2)
    ses.refusals = [server.silence]

    assert await channel().suppressed_recipients() == {}


async def test_outbox_when_it_starts_then_asks_before_any_mail(
    ses: SuppressionServer, checker_pool: CheckerPool
) -> None:
    mails = channel()

    async def has_found() -> bool:
        return await mails.suppressed_recipients() == {BOB: "bounce"}

    waiting = DatabaseOutbox(checker_pool, compose_claimed, owner="one")
    async with running(Outbox(waiting, {"mail": mails})):
        await until(lambda: ses.asked == [ANN, BOB])
        await until(has_found)

    assert len(ses.asked) == 2


@pytest.mark.usefixtures("ses")
async def test_channel_when_of_ses_then_it_is_known_to_know() -> None:
    assert isinstance(channel(), KnowsSuppressed)
