"""A call for each beat, and nothing that the other side does matters to anyone."""

import pytest
from structlog.testing import capture_logs

from ntp_checker.notify.http import Poster
from ntp_checker.reach import Reach
from tests.heartbeats import beating
from tests.http_receiver import Receiver, answer, http_receiver, silence
from tests.stored_samples import until

pytestmark = pytest.mark.asyncio


async def arrived(receiver: Receiver, number: int) -> None:
    await until(lambda: len(receiver.requests) >= number)


async def test_beat_when_an_address_inside_is_given_then_it_is_called() -> None:
    async with http_receiver() as receiver, beating(f"{receiver.url}/ping/1?a=b") as heartbeat:
        heartbeat.beat()
        await arrived(receiver, 1)

        assert [request.line for request in receiver.requests] == ["GET /ping/1?a=b HTTP/1.1"]


async def test_beats_while_a_call_is_under_way_are_one() -> None:
    async with http_receiver() as receiver, beating(receiver.url) as heartbeat:
        for _ in range(5):
            heartbeat.beat()
        await arrived(receiver, 1)
        heartbeat.beat()
        await arrived(receiver, 2)

        assert len(receiver.requests) == 2


async def test_redirect_is_not_followed_and_said_once_without_the_url() -> None:
    moved = answer("302 Found", Location="http://169.254.169.254/")
    with capture_logs() as logs:
        async with http_receiver(moved) as receiver, beating(f"{receiver.url}/token") as heartbeat:
            for number in (1, 2):
                heartbeat.beat()
                await arrived(receiver, number)
            receiver.respond = answer("200 OK")
            heartbeat.beat()
            await until(lambda: any(entry["log_level"] == "info" for entry in logs))

    assert [entry["event"] for entry in logs] == ["heartbeat not taken", "heartbeat is taken again"]
    assert logs[0]["reason"] == "127.0.0.1 answers 302: redirects are not followed"


async def test_silent_service_costs_the_call_its_time_and_the_next_one_goes_out() -> None:
    quick = Poster(reach=Reach.INWARD_TOO, timeout_s=0.2)
    async with http_receiver(silence) as receiver, beating(receiver.url, quick) as heartbeat:
        heartbeat.beat()
        await arrived(receiver, 1)
        heartbeat.beat()
        await arrived(receiver, 2)

        assert len(receiver.requests) == 2


async def test_name_that_leads_to_a_link_local_address_is_never_called() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254"]

    caller = Poster(reach=Reach.INWARD_TOO, resolve=resolve)
    with capture_logs() as logs:
        async with beating("http://hc.example.net/latest", caller) as heartbeat:
            heartbeat.beat()
            await until(lambda: bool(logs))

    assert logs[0]["reason"] == "hc.example.net leads inward (169.254.169.254): refused"
