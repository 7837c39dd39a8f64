"""Apprise's json:// against a server that notes what comes."""

import logging
import sys
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from ntp_checker.errors import ConfigError, PartlyTaken, SendError, SendErrorKind
from ntp_checker.message import compose_trial
from ntp_checker.model import ChannelKind, ChannelSettings, Severity, TransitionKind
from ntp_checker.notify.apprise import AppriseChannel
from ntp_checker.notify.opening import open_channel
from tests import http_receiver as server
from tests.http_receiver import Receiver, answer, http_receiver
from tests.notices import NOW, PUBLIC_URL, make_message, make_notice

RETRY, PERMANENT = SendErrorKind.RETRY, SendErrorKind.PERMANENT
NEXT = SendErrorKind.NEXT_CHANNEL
TOKEN = "t0ken"
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver() as running:
        yield running


def channel(*receivers: Receiver, timeout_s: float = 30.0) -> AppriseChannel:
    urls = [f"json://user:{TOKEN}@127.0.0.1:{one.port}/{TOKEN}" for one in receivers]
    return AppriseChannel(name="other", urls=urls, timeout_s=timeout_s)


async def refusal(channel: AppriseChannel) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(make_message())
    return caught.value


async def test_apprise_when_taken_then_title_and_text(receiver: Receiver) -> None:
    said = await channel(receiver).send(make_message())
    [body] = [orjson.loads(request.body) for request in receiver.requests]

    assert said == "JSON"
    assert body["title"] == "CRITICAL [gps1] clock offset"
    assert body["message"].startswith("clock is 250 ms ahead, limit 50 ms; for 2 min now")
    assert str(make_message().event_ids[0]) in body["message"]


@pytest.mark.parametrize(
    ("kind", "severity", "word"),
    [
        (TransitionKind.OPENED, Severity.CRITICAL, "failure"),
        (TransitionKind.OPENED, Severity.WARNING, "warning"),
        (TransitionKind.RESOLVED, Severity.CRITICAL, "success"),
    ],
)
async def test_apprise_when_alert_goes_on_then_its_word_for_it(
    receiver: Receiver, kind: TransitionKind, severity: Severity, word: str
) -> None:
    await channel(receiver).send(make_message(make_notice(kind=kind, severity=severity)))

    assert orjson.loads(receiver.requests[0].body)["type"] == word


async def test_apprise_when_tried_then_for_information(receiver: Receiver) -> None:
    message_id = make_message().message_id
    trial = compose_trial("other", public_url=PUBLIC_URL, now=NOW, message_id=message_id)
    await channel(receiver).send(trial)

    assert orjson.loads(receiver.requests[0].body)["type"] == "info"


async def test_apprise_when_two_messages_then_both_go_out(receiver: Receiver) -> None:
    same = channel(receiver)
    await same.send(make_message())
    await same.send(make_message())

    assert len(receiver.requests) == 2


async def test_apprise_when_text_is_long_then_cut(receiver: Receiver) -> None:
    await channel(receiver).send(make_message(*(make_notice(f"h{n}") for n in range(500))))

    assert len(orjson.loads(receiver.requests[0].body)["message"]) <= 3_000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad", PERMANENT),
        ("401 Who", NEXT),
        ("404 Gone", NEXT),
        ("408 Late", RETRY),
        ("429 Slow", RETRY),
        ("500 Oh", RETRY),
        ("503 Oh", RETRY),
    ],
)
async def test_apprise_when_refused_then_classed_by_its_status(
    receiver: Receiver, status: str, kind: SendErrorKind
) -> None:
    receiver.respond = answer(status)
    refused = await refusal(channel(receiver))

    assert refused.kind is kind
    assert refused.detail == f"JSON answers {status[:3]}"


async def test_apprise_when_redirected_then_not_followed(receiver: Receiver) -> None:
    receiver.respond = answer("307 Moved", Location="http://169.254.169.254/")
    refused = await refusal(channel(receiver))

    assert refused.kind is NEXT
    assert len(receiver.requests) == 1


async def test_apprise_when_the_answer_is_lost_then_retry(receiver: Receiver) -> None:
    receiver.respond = server.close

    assert (await refusal(channel(receiver))).kind is RETRY


async def test_apprise_when_the_server_is_silent_then_bounded_and_retry(
    receiver: Receiver,
) -> None:
    receiver.respond = server.silence
    refused = await refusal(channel(receiver, timeout_s=0.3))

    assert refused.kind is RETRY
    assert "within 0.3 s" in refused.detail


async def test_apprise_when_its_thread_still_hangs_then_no_second_one(receiver: Receiver) -> None:
    receiver.respond = server.silence
    hanging = channel(receiver, timeout_s=0.3)
    await refusal(hanging)

    assert "still hangs" in (await refusal(hanging)).detail
    assert len(receiver.requests) == 1


async def test_apprise_when_one_of_two_fails_then_only_it_is_tried_again(
    receiver: Receiver,
) -> None:
    async with http_receiver(answer("503 Oh")) as failing:
        both = channel(receiver, failing)
        refused = await refusal(both)
        failing.respond = answer("200 OK")
        said = await both.send(make_message())

    assert refused.kind is RETRY
    assert (len(receiver.requests), len(failing.requests)) == (1, 2)
    assert said == "JSON, JSON"


async def test_apprise_when_one_of_two_never_takes_it_then_it_counts_as_taken(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http_receiver(answer("503 Oh")) as failing:
        both = channel(receiver, failing)
        for is_news in (True, False):
            with pytest.raises(PartlyTaken) as caught:
                await both.send(make_message())
            assert caught.value.is_news is is_news
        monkeypatch.setattr("ntp_checker.notify.channel.REST_TRIED_FOR_S", 0.0)
        said = await both.send(make_message())

    assert said == "JSON, JSON (JSON answers 503)"
    assert len(receiver.requests) == 1


async def test_apprise_when_one_of_two_refuses_for_good_then_the_other_counts(
    receiver: Receiver,
) -> None:
    async with http_receiver(answer("404 Gone")) as refusing:
        said = await channel(receiver, refusing).send(make_message())

    assert said == "JSON, JSON (JSON answers 404)"


async def test_apprise_when_refused_then_no_log_and_no_error_has_the_token(
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, logger="apprise")
    receiver.respond = answer("401 No", f"wrong: {TOKEN}".encode())
    refused = await refusal(channel(receiver))
    printed = "".join(capfd.readouterr())

    assert TOKEN not in f"{refused!r} {printed} {caplog.text}"
    assert "apprise" not in printed


async def test_open_when_kind_is_apprise_then_sends(receiver: Receiver) -> None:
    settings = ChannelSettings(
        name="other", kind=ChannelKind.APPRISE, urls=(f"json://127.0.0.1:{receiver.port}/x",)
    )
    opened = open_channel(settings, ses_client=pytest.fail)

    assert await opened.send(make_message()) == "JSON"


async def test_open_when_apprise_does_not_know_the_url_then_config_error_without_it() -> None:
    urls = ("json://127.0.0.1/x", f"nonsense://{TOKEN}")
    settings = ChannelSettings(name="other", kind=ChannelKind.APPRISE, urls=urls)
    with pytest.raises(ConfigError, match="channel other: URL 2 is none that") as caught:
        open_channel(settings, ses_client=pytest.fail)

    assert TOKEN not in str(caught.value)


async def test_open_when_the_library_is_missing_then_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)  # as import finds it where it is not
    settings = ChannelSettings(name="other", kind=ChannelKind.APPRISE, urls=("json://x/y",))
    with pytest.raises(ConfigError, match=r"pip install 'ntp-checker\[apprise\]'"):
        open_channel(settings, ses_client=pytest.fail)
