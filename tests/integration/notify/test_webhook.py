"""Webhook, Slack and PagerDuty against a server that notes what comes."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from ntp_checker.errors import ConfigError, SendError, SendErrorKind
from ntp_checker.model import ChannelKind, ChannelSettings, TransitionKind
from ntp_checker.notify.http import Poster
from ntp_checker.notify.opening import open_channel
from ntp_checker.notify.slack import SlackChannel, slack_text
from ntp_checker.notify.webhook import SIGNATURE_HEADER, WebhookChannel
from ntp_checker.reach import Reach
from tests.http_receiver import Receiver, answer, http_receiver
from tests.notices import BEGUN_AT, PUBLIC_URL, make_message, make_notice

SECRET = "a-secret-of-the-webhook"
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver() as running:
        yield running


@pytest.fixture
def poster() -> Poster:
    return Poster(reach=Reach.INWARD_TOO)


@pytest.fixture
def webhook(receiver: Receiver, poster: Poster) -> WebhookChannel:
    return WebhookChannel(name="hook", url=f"{receiver.url}/in", poster=poster, secret=SECRET)


@pytest.fixture
def slack(receiver: Receiver, poster: Poster) -> SlackChannel:
    return SlackChannel(name="chat", url=f"{receiver.url}/services/T0/B0/s3cr3t", poster=poster)


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [orjson.loads(request.body) for request in receiver.requests]


async def test_webhook_when_taken_then_signature_verifies(
    webhook: WebhookChannel, receiver: Receiver
) -> None:
    assert await webhook.send(make_message()) == "HTTP 200"
    [request] = receiver.requests
    stamp, _, mark = request.headers[SIGNATURE_HEADER.lower()].partition(",v1=")
    at = stamp.removeprefix("t=")
    wanted = hmac.new(SECRET.encode(), f"{at}.".encode() + request.body, hashlib.sha256)

    assert hmac.compare_digest(mark, wanted.hexdigest())
    assert abs(int(at) - time.time()) < 10


async def test_webhook_when_there_is_no_secret_then_unsigned(
    receiver: Receiver, poster: Poster
) -> None:
    await WebhookChannel(name="hook", url=receiver.url, poster=poster).send(make_message())

    assert SIGNATURE_HEADER.lower() not in receiver.requests[0].headers


async def test_webhook_when_alert_opens_then_payload_is_alertmanagers(
    webhook: WebhookChannel, receiver: Receiver
) -> None:
    message = make_message()
    await webhook.send(message)
    [body] = bodies(receiver)

    assert body["version"] == "4"
    assert body["status"] == "firing"
    assert body["receiver"] == "hook"
    assert body["groupKey"] == message.thread_key
    assert body["externalURL"] == PUBLIC_URL
    assert body["truncatedAlerts"] == 0
    [alert] = body["alerts"]
    assert alert["status"] == "firing"
    assert alert["labels"] == {
        "alertname": "offset_high",
        "host": "gps1",
        "group": "Berlin",
        "severity": "critical",
    }
    assert alert["annotations"]["event_id"] == str(message.event_ids[0])
    assert alert["annotations"]["runbook_url"] == "https://ntp.example.org/runbook#offset_high"
    assert alert["generatorURL"] == f"https://ntp.example.org/alerts/{message.event_ids[0]}"
    assert alert["startsAt"] == BEGUN_AT.isoformat().replace("+00:00", "Z")
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"


async def test_webhook_when_alert_ends_then_same_fingerprint_with_an_end(
    webhook: WebhookChannel, receiver: Receiver
) -> None:
    await webhook.send(make_message())
    await webhook.send(make_message(make_notice(kind=TransitionKind.RESOLVED, ordinal=2)))
    opened, resolved = (body["alerts"][0] for body in bodies(receiver))

    assert resolved["status"] == "resolved"
    assert resolved["endsAt"] == "2026-01-02T03:06:05Z"
    assert resolved["fingerprint"] == opened["fingerprint"]


async def test_webhook_when_digest_is_large_then_alerts_are_counted_and_events_covered(
    webhook: WebhookChannel, receiver: Receiver
) -> None:
    message = make_message(*(make_notice(f"h{number}") for number in range(1_500)))
    await webhook.send(message)
    [body] = bodies(receiver)

    assert len(body["alerts"]) == 200
    assert body["truncatedAlerts"] == 1_300
    assert len(set(body["message"]["event_ids"])) == 1_500


async def test_webhook_when_redirected_inward_then_refused_and_not_followed(
    webhook: WebhookChannel, receiver: Receiver
) -> None:
    receiver.respond = answer("307 Moved", Location="http://169.254.169.254/")
    with pytest.raises(SendError, match="redirects are not followed") as caught:
        await webhook.send(make_message())

    assert caught.value.kind is SendErrorKind.NEXT_CHANNEL
    assert len(receiver.requests) == 1


async def test_webhook_when_server_repeats_the_secret_then_error_does_not(
    webhook: WebhookChannel, receiver: Receiver
) -> None:
    receiver.respond = answer("401 No", f"wrong key {SECRET} for /in".encode())
    with pytest.raises(SendError) as caught:
        await webhook.send(make_message())

    assert SECRET not in repr(caught.value)


async def test_slack_when_taken_then_title_and_text(
    slack: SlackChannel, receiver: Receiver
) -> None:
    await slack.send(make_message())
    [body] = bodies(receiver)

    assert body["text"].startswith("*CRITICAL [gps1] clock offset*\n```clock is 250 ms ahead")
    assert body["unfurl_links"] is False


async def test_slack_when_host_is_hostile_then_calls_nobody() -> None:
    text = slack_text(make_message(make_notice("<!channel>", reason="``` <@U1> & *x*")))

    assert text.count("<") == text.count("<https://ntp.example.org/") == 4
    assert text.count("```") == 2


async def test_slack_when_about_one_alert_then_its_links_stand_once_and_outside_the_block() -> None:
    message = make_message()
    block, _, links = slack_text(message).rpartition("```")
    event_id = message.event_ids[0]

    assert f"<https://ntp.example.org/alerts/{event_id}|Acknowledge or silence>" in links
    assert "<https://ntp.example.org/runbook#offset_high|Runbook>" in links
    assert "https://" not in block


async def test_slack_when_text_is_long_then_cut() -> None:
    text = slack_text(make_message(*(make_notice(f"h{number}") for number in range(500))))

    assert len(text) < 3_200
    assert "\N{HORIZONTAL ELLIPSIS}```\n<https://ntp.example.org/alerts|Alerts>" in text


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        ("404 Not Found", b"no_service", SendErrorKind.NEXT_CHANNEL),
        ("410 Gone", b"channel_is_archived", SendErrorKind.NEXT_CHANNEL),
        ("429 Too Many", b"rate_limited", SendErrorKind.RETRY),
        ("500 Oh", b"rollup_error", SendErrorKind.RETRY),
    ],
)
async def test_slack_when_refused_then_says_why_but_not_where(
    slack: SlackChannel, receiver: Receiver, status: str, said: bytes, kind: SendErrorKind
) -> None:
    receiver.respond = answer(status, said)
    with pytest.raises(SendError, match=said.decode()) as caught:
        await slack.send(make_message())

    assert caught.value.kind is kind
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (ChannelKind.WEBHOOK, {"url": "http://127.0.0.1:9/"}),
        (ChannelKind.SLACK, {"url": "http://127.0.0.1:9/"}),
        (ChannelKind.PAGERDUTY, {"secret": "k", "url": "http://127.0.0.1:9/"}),
    ],
)
async def test_open_when_private_is_not_allowed_then_loopback_is_refused(
    kind: ChannelKind, more: dict[str, Any]
) -> None:
    settings = ChannelSettings(name="x", kind=kind, **more)
    channel = open_channel(settings, ses_client=pytest.fail)
    with pytest.raises(SendError, match="leads inward"):
        await channel.send(make_message())


async def test_open_when_url_is_none_then_config_error_names_the_channel() -> None:
    settings = ChannelSettings(name="chat", kind=ChannelKind.SLACK, url="nonsense")
    with pytest.raises(ConfigError, match="channel chat: the URL is not understood"):
        open_channel(settings, ses_client=pytest.fail)


async def test_open_when_private_is_allowed_then_sent(receiver: Receiver) -> None:
    settings = ChannelSettings(
        name="hook", kind=ChannelKind.WEBHOOK, url=receiver.url, allow_private=True
    )
    channel = open_channel(settings, ses_client=pytest.fail)

    assert await channel.send(make_message()) == "HTTP 200"
