"""One HTTP request to a place that is not trusted."""

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.notify.http import Answer, Endpoint, Poster, resolve_by_system
from ntp_checker.reach import Reach
from tests import http_receiver as server
from tests.certificates import tls_pair
from tests.http_receiver import http_receiver

NAME = "hooks.example.net"


def poster(**more: object) -> Poster:
    return Poster(reach=Reach.INWARD_TOO, **more)  # type: ignore[arg-type]  # checked by Poster


async def post(url: str, with_poster: Poster, body: bytes = b"{}") -> Answer:
    return await with_poster.post(Endpoint.of(url), {"X-Test": "yes"}, body)


@pytest.mark.asyncio
async def test_post_when_taken_then_request_is_complete() -> None:
    async with http_receiver() as receiver:
        answer = await post(f"{receiver.url}/a?b=c", poster(), b'{"x": 1}')

        assert answer.status == 200
        [request] = receiver.requests
        assert request.line == "POST /a?b=c HTTP/1.1"
        assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert request.headers["x-test"] == "yes"
        assert request.body == b'{"x": 1}'


@pytest.mark.asyncio
async def test_get_when_taken_then_request_has_no_body() -> None:
    async with http_receiver() as receiver:
        answer = await poster().get(Endpoint.of(f"{receiver.url}/a?b=c"), {"X-Test": "yes"})

        assert answer.status == 200
        [request] = receiver.requests
        assert request.line == "GET /a?b=c HTTP/1.1"
        assert request.headers["x-test"] == "yes"
        assert "content-length" not in request.headers


@pytest.mark.asyncio
async def test_post_when_address_is_inward_then_nothing_is_connected() -> None:
    async with http_receiver() as receiver:
        with pytest.raises(SendError, match="leads inward") as caught:
            await post(receiver.url, Poster())

        assert caught.value.kind is SendErrorKind.NEXT_CHANNEL
        assert receiver.requests == []


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f.1", "2130706433", "[::1]"])
@pytest.mark.asyncio
async def test_post_when_name_hides_loopback_then_refused(host: str) -> None:
    async def literal_too(name: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if name[0].isdigit() else await resolve_by_system(name, port)

    with pytest.raises(SendError, match="leads inward"):
        await post(f"http://{host}:9/", Poster(resolve=literal_too))


@pytest.mark.asyncio
async def test_post_when_name_changes_its_address_then_looked_up_once() -> None:
    asked = []

    async def rebinding(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.9"]

    async with http_receiver() as receiver:
        answer = await post(f"http://{NAME}:{receiver.port}/", poster(resolve=rebinding))

        assert answer.status == 200
        assert asked == [NAME]
        assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.mark.asyncio
async def test_post_when_first_address_is_dead_then_second_is_tried() -> None:
    async def two(_name: str, _port: int) -> Sequence[str]:
        return ["127.0.0.9", "127.0.0.1"]

    async with http_receiver() as receiver:
        assert (await post(f"http://{NAME}:{receiver.port}/", poster(resolve=two))).status == 200


@pytest.mark.asyncio
async def test_post_when_tls_then_name_is_kept_in_sni_and_checked(tmp_path: Path) -> None:
    async def here(_name: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    server_tls, client_tls = tls_pair(tmp_path, NAME)
    async with http_receiver(tls=server_tls) as receiver:
        url = f"https://{NAME}:{receiver.port}/"
        answer = await post(url, poster(resolve=here, tls=client_tls))

        assert answer.status == 200
        assert receiver.server_names == [NAME]


@pytest.mark.parametrize(
    ("name", "valid_from", "kind"),
    [
        ("other.example.net", None, SendErrorKind.NEXT_CHANNEL),
        (NAME, datetime.now(UTC) + timedelta(days=2), SendErrorKind.OWN_CLOCK),
        (NAME, datetime.now(UTC) - timedelta(days=90), SendErrorKind.NEXT_CHANNEL),
    ],
)
@pytest.mark.asyncio
async def test_post_when_certificate_is_bad_then_refused(
    tmp_path: Path, name: str, valid_from: datetime | None, kind: SendErrorKind
) -> None:
    async def here(_name: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    server_tls, client_tls = tls_pair(tmp_path, name, valid_from=valid_from)
    async with http_receiver(tls=server_tls) as receiver:
        with pytest.raises(SendError, match="certificate is refused") as caught:
            await post(f"https://{NAME}:{receiver.port}/", poster(resolve=here, tls=client_tls))

        assert caught.value.kind is kind
        assert receiver.requests == []


@pytest.mark.asyncio
async def test_post_when_certificate_is_of_nobody_then_refused(tmp_path: Path) -> None:
    server_tls, _ = tls_pair(tmp_path, "localhost")
    async with http_receiver(tls=server_tls) as receiver:
        with pytest.raises(SendError, match="certificate is refused"):
            await post(
                f"https://localhost:{receiver.port}/", poster(tls=ssl.create_default_context())
            )


@pytest.mark.asyncio
async def test_post_when_body_never_ends_then_cut() -> None:
    async with http_receiver(server.endless) as receiver:
        answer = await post(receiver.url, poster())

        assert answer.status == 200
        assert len(answer.body) == 16 * 1024


@pytest.mark.asyncio
async def test_post_when_body_drips_then_status_counts_soon() -> None:
    async with http_receiver(server.drip) as receiver:
        begun_s = time.monotonic()
        answer = await post(receiver.url, poster())

        assert answer.status == 200
        assert time.monotonic() - begun_s < 4


@pytest.mark.parametrize("respond", [server.silence, server.drip_head])
@pytest.mark.asyncio
async def test_post_when_head_does_not_come_then_ends_in_time(respond: server.Respond) -> None:
    async with http_receiver(respond) as receiver:
        begun_s = time.monotonic()
        with pytest.raises(SendError, match=r"no answer from 127\.0\.0\.1 within 0\.4 s") as caught:
            await post(receiver.url, poster(timeout_s=0.4))

        assert caught.value.kind is SendErrorKind.RETRY
        assert time.monotonic() - begun_s < 2


@pytest.mark.asyncio
async def test_post_when_headers_never_end_then_refused() -> None:
    async with http_receiver(server.endless_head) as receiver:
        with pytest.raises(SendError, match="too many headers"):
            await post(receiver.url, poster())


@pytest.mark.asyncio
async def test_post_when_answer_is_lost_then_retry() -> None:
    async with http_receiver(server.close) as receiver:
        with pytest.raises(SendError) as caught:
            await post(receiver.url, poster())

        assert caught.value.kind is SendErrorKind.RETRY


@pytest.mark.asyncio
async def test_post_when_answer_is_no_http_then_retry() -> None:
    async def other(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with http_receiver(other) as receiver:
        with pytest.raises(SendError, match="SSH-2") as caught:
            await post(receiver.url, poster())

        assert caught.value.kind is SendErrorKind.RETRY


@pytest.mark.asyncio
async def test_post_when_nobody_listens_then_retry() -> None:
    async with http_receiver() as receiver:
        port = receiver.port
    with pytest.raises(SendError) as caught:
        await post(f"http://127.0.0.1:{port}/", poster())

    assert caught.value.kind is SendErrorKind.RETRY


@pytest.mark.asyncio
async def test_post_when_redirected_to_metadata_then_not_followed() -> None:
    moved = server.answer("302 Found", Location="http://169.254.169.254/latest/meta-data/")
    async with http_receiver(moved) as receiver:
        answer = await post(receiver.url, poster())

        assert answer.status == 302
        assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [("7", 7.0), ("99999", 3600.0), ("9" * 400, None), ("-1", None), ("Fri, 02 Jan", None)],
)
@pytest.mark.asyncio
async def test_post_when_provider_has_a_wish_then_told(wish: str, seconds: float | None) -> None:
    async with http_receiver(server.answer("429 Slow", Retry_After=wish)) as receiver:
        assert (await post(receiver.url, poster())).retry_after_s == seconds


@pytest.mark.asyncio
async def test_post_when_name_has_no_address_then_retry() -> None:
    async def nowhere(_name: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(SendError, match="Name or service not known") as caught:
        await post(f"https://{NAME}/", poster(resolve=nowhere))

    assert caught.value.kind is SendErrorKind.RETRY
