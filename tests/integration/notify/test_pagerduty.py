"""PagerDuty against a server that notes what comes."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.message import FirstTelling, compose_trial
from ntp_checker.model import ProblemCode, TransitionKind
from ntp_checker.notify.http import Poster
from ntp_checker.notify.pagerduty import PagerDutyChannel
from ntp_checker.reach import Reach
from tests.http_receiver import Receiver, answer, http_receiver
from tests.notices import NOW, PUBLIC_URL, make_message, make_notice

pytestmark = pytest.mark.asyncio
FIRST = UUID("00000000-0000-0000-0000-00000000f125")


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
        (TransitionKind.REMINDED, "trigger"),
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


@pytest.mark.parametrize(("begin", "incidents"), [(2, 2), (20, 20), (21, 1)])
async def test_pagerduty_when_some_begin_together_then_an_incident_each_up_to_the_bound(
    pagerduty: PagerDutyChannel, receiver: Receiver, begin: int, incidents: int
) -> None:
    message = make_message(*(make_notice(f"a{n}") for n in range(begin)))
    await pagerduty.send(message)
    keys = {body["dedup_key"] for body in bodies(receiver)}

    own = {notice.thread_key for notice in message.notices}
    assert len(receiver.requests) == incidents
    assert keys == ({str(message.message_id)} if incidents == 1 else own)


def shared(open_alerts: int) -> FirstTelling:
    return FirstTelling(message_id=FIRST, alerts=21, open_alerts=open_alerts)


@pytest.mark.parametrize(
    ("kind", "action"),
    [(TransitionKind.REMINDED, "trigger"), (TransitionKind.EASED, "trigger")],
)
async def test_pagerduty_when_told_of_those_that_share_an_incident_then_once_and_there(
    pagerduty: PagerDutyChannel, receiver: Receiver, kind: TransitionKind, action: str
) -> None:
    again = [make_notice(f"a{n}", kind=kind, told_first=shared(21)) for n in range(5)]
    await pagerduty.send(make_message(*again))

    assert [(body["event_action"], body["dedup_key"]) for body in bodies(receiver)] == [
        (action, str(FIRST))
    ]


async def test_pagerduty_when_one_that_shares_an_incident_gets_worse_then_its_own(
    pagerduty: PagerDutyChannel, receiver: Receiver
) -> None:
    worse = make_notice(kind=TransitionKind.WORSENED, told_first=shared(21))
    await pagerduty.send(make_message(worse))

    assert [body["dedup_key"] for body in bodies(receiver)] == [worse.thread_key]


@pytest.mark.parametrize(("open_alerts", "is_over"), [(1, False), (0, True)])
async def test_pagerduty_when_the_last_that_share_an_incident_end_then_that_ends(
    pagerduty: PagerDutyChannel, receiver: Receiver, open_alerts: int, is_over: bool
) -> None:
    ends = [
        make_notice(f"a{n}", kind=TransitionKind.RESOLVED, told_first=shared(open_alerts))
        for n in range(2)
    ]
    await pagerduty.send(make_message(*ends))
    keys = [body["dedup_key"] for body in bodies(receiver)]

    assert {body["event_action"] for body in bodies(receiver)} == {"resolve"}
    assert sorted(keys[:2]) == sorted(one.thread_key for one in ends)
    assert keys[2:] == ([str(FIRST)] if is_over else [])


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
