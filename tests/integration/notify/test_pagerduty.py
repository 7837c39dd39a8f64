"""PagerDuty against a server that notes what comes."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.message import compose_trial
from ntp_checker.model import ProblemCode, TransitionKind
from ntp_checker.notify.http import Poster
from ntp_checker.notify.pagerduty import PagerDutyChannel
from ntp_checker.reach import Reach
from tests.http_receiver import Receiver, answer, http_receiver
from tests.notices import NOW, PUBLIC_URL, make_message, make_notice

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver(answer("202 Accepted")) as running:
        yield running


@pytest.fixture
def pagerduty(receiver: Receiver) -> PagerDutyChannel:
    return PagerDutyChannel(
        name="duty",
        routing_key="r0ut1ng",
        poster=Poster(reach=Reach.INWARD_TOO),
        url=f"{receiver.url}/v2/enqueue",
    )


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [orjson.loads(request.body) for request in receiver.requests]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (TransitionKind.OPENED, "trigger"),
        (TransitionKind.WORSENED, "trigger"),
        (TransitionKind.ACKNOWLEDGED, "acknowledge"),
        (TransitionKind.RESOLVED, "resolve"),
    ],
)
async def test_pagerduty_when_alert_goes_on_then_same_incident(
    pagerduty: PagerDutyChannel, receiver: Receiver, kind: TransitionKind, action: str
) -> None:
    message = make_message(make_notice(kind=kind))
    assert await pagerduty.send(message) == message.thread_key
    [body] = bodies(receiver)

    assert body["event_action"] == action
    assert body["dedup_key"] == make_message().thread_key
    assert body["routing_key"] == "r0ut1ng"


async def test_pagerduty_when_alert_opens_then_payload_is_complete(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    await pagerduty.send(make_message())
    payload = bodies(receiver)[0]["payload"]

    assert payload["summary"] == "[gps1] clock offset: clock is 250 ms ahead, limit 50 ms"
    assert payload["source"] == "gps1"
    assert payload["severity"] == "critical"
    assert payload["class"] == "offset_high"


async def test_pagerduty_when_alert_opens_then_it_leads_to_that_alert(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    message = make_message()
    await pagerduty.send(message)
    [body] = bodies(receiver)

    assert body["client_url"] == f"{PUBLIC_URL}/alerts/{message.event_ids[0]}"
    assert {"href": f"{PUBLIC_URL}/runbook#offset_high", "text": "Runbook"} in body["links"]


async def test_pagerduty_when_many_begin_then_one_incident_and_each_end_by_itself(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    begun = [make_notice(f"a{n}", ProblemCode.HOST_UNREACHABLE) for n in range(500)]
    over = [make_notice(f"b{n}", kind=TransitionKind.RESOLVED) for n in range(3)]
    message = make_message(*begun, *over)
    await pagerduty.send(message)
    sent = bodies(receiver)

    assert [body["event_action"] for body in sent].count("resolve") == 3
    [trigger] = [body for body in sent if body["event_action"] == "trigger"]
    assert trigger["dedup_key"] == str(message.message_id)
    assert "500 hosts" in trigger["payload"]["summary"] or "503" in trigger["payload"]["summary"]


async def test_pagerduty_when_stopped_half_way_then_next_attempt_goes_on(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    taken, slow_down = answer("202 Accepted"), answer("429 Slow", Retry_After="7")

    async def third_refused(reader, writer) -> None:
        await (slow_down if len(receiver.requests) == 3 else taken)(reader, writer)

    receiver.respond = third_refused
    over = make_message(*(make_notice(f"b{n}", kind=TransitionKind.RESOLVED) for n in range(5)))
    with pytest.raises(SendError) as caught:
        await pagerduty.send(over)
    await pagerduty.send(over)

    assert caught.value.retry_after_s == 7
    assert len({body["dedup_key"] for body in bodies(receiver)}) == 5
    assert len(receiver.requests) == 6


async def test_pagerduty_when_tried_then_one_event(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    message_id = make_message().message_id
    await pagerduty.send(
        compose_trial("duty", public_url=PUBLIC_URL, now=NOW, message_id=message_id)
    )
    [body] = bodies(receiver)

    assert body["dedup_key"] == str(message_id)
    assert body["payload"]["severity"] == "info"


async def test_pagerduty_when_key_is_refused_then_not_told(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    receiver.respond = answer("400 Bad", b'{"errors": ["r0ut1ng is invalid"]}')
    with pytest.raises(SendError) as caught:
        await pagerduty.send(make_message())

    assert caught.value.kind is SendErrorKind.PERMANENT
    assert "r0ut1ng" not in str(caught.value)
