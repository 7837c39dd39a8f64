"""A provider for tests: takes messages over TCP, a line of JSON each, and answers as it is told."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.message import OutgoingMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message that reached the provider, whatever it answered."""

    at_s: float  #: of the loop's clock
    channel: str
    message_id: UUID
    event_ids: tuple[UUID, ...]


@dataclass
class Inbox:
    """Takes everything, unless `answers` says otherwise for the next message."""

    answers: deque[dict[str, Any]] = field(default_factory=deque)
    delay_s: float = 0.0
    arrived: list[Arrived] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(8))  #: in each answer of its own

    async def __aenter__(self) -> Self:
        self.open = asyncio.Event()  #: no answer leaves while it is not set
        self.open.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def refuse(self, kind: SendErrorKind, *, retry_after_s: float | None = None) -> None:
        """The answer to the next message that has none yet."""
        self.answers.append({"kind": kind, "detail": "not now", "retry_after_s": retry_after_s})

    def channel(self, name: str = "mail") -> "InboxChannel":
        return InboxChannel(name, self.port)

    @property
    def event_ids(self) -> list[UUID]:
        return [event_id for message in self.arrived for event_id in message.event_ids]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # A sender that is killed resets the connection.
        with suppress(ConnectionError):
            async with asyncio.timeout(60):
                await self._answer(await reader.readline(), writer)
        writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        if not line.endswith(b"\n"):
            return
        given = json.loads(line)
        self.arrived.append(
            Arrived(
                at_s=asyncio.get_running_loop().time(),
                channel=given["channel"],
                message_id=UUID(given["message_id"]),
                event_ids=tuple(map(UUID, given["event_ids"])),
            )
        )
        answer = (
            self.answers.popleft()
            if self.answers
            else {"answer": f"{self.token}-{len(self.arrived)}"}
        )
        await asyncio.sleep(self.delay_s)
        await self.open.wait()
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()


class InboxChannel:
    """The way into an Inbox."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = (f"{name}@example.net",)
        self._port = port

    async def send(self, message: OutgoingMessage) -> str:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
        except OSError as err:
            raise SendError(f"no connection: {err}", SendErrorKind.RETRY) from err
        try:
            writer.write(_line(self.name, message))
            await writer.drain()
            answer = await reader.readline()
        except OSError as err:
            raise SendError(f"connection lost: {err}", SendErrorKind.RETRY) from err
        finally:
            writer.close()
        if not answer:
            raise SendError("connection closed without an answer", SendErrorKind.RETRY)
        said = json.loads(answer)
        if "kind" in said:
            raise SendError(
                said["detail"], SendErrorKind(said["kind"]), retry_after_s=said["retry_after_s"]
            )
        return str(said["answer"])


def messages_by_events(arrived: Sequence[Arrived]) -> dict[frozenset[UUID], list[Arrived]]:
    """The messages that covered the same events."""
    found: dict[frozenset[UUID], list[Arrived]] = {}
    for message in arrived:
        found.setdefault(frozenset(message.event_ids), []).append(message)
    return found


def _line(channel: str, message: OutgoingMessage) -> bytes:
    return (
        json.dumps(
            {
                "channel": channel,
                "message_id": str(message.message_id),
                "event_ids": [str(event_id) for event_id in message.event_ids],
                "text": message.text,
            }
        ).encode()
        + b"\n"
    )
