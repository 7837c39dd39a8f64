"""An HTTP server for tests: notes each request and answers as it is told."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: dict[str, str]  #: names in small letters
    body: bytes


@dataclass
class Receiver:
    """A running server. `respond` may be changed at any time."""

    respond: Respond
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)  #: of TLS, as the client sent them

    @property
    def url(self) -> str:
        """Without TLS."""
        return f"http://127.0.0.1:{self.port}"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.rstrip().split("\r\n")
            headers = {}
            for field_line in rest:
                name, _, value = field_line.partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Request(line=line, headers=headers, body=body))
            await self.respond(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough, which is what some tests are about
        finally:
            writer.transport.abort()


def answer(status: str, body: bytes = b"", **headers: str) -> Respond:
    """Answers with this; header names have `_` for `-`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    whole = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(whole)
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 1)  # until the client has read it

    return respond


async def close(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing: the answer is lost."""


async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes the request and keeps the connection, without a word."""
    await reader.read()


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"x" * 65_536)
        await writer.drain()


async def endless_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.transport.is_closing():
        writer.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good status, then a byte of the body now and then."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.05)


async def drip_head(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte of the head now and then."""
    while not writer.transport.is_closing():
        writer.write(b"H")
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def http_receiver(
    respond: Respond | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Runs one on a free port of 127.0.0.1."""
    receiver = Receiver(respond=respond or answer("200 OK"))
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: receiver.server_names.append(name)
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
