"""One TCP segment for one request.

asyncssh puts an empty packet before each one it sends, against the guessing of lengths, and hands
the two over one after the other. Sent so, they cost two calls into the kernel, two segments and
two wake-ups of sshd; put together they cost one.
"""

import asyncio
from collections.abc import Callable


class CoalescingConnector:
    """What asyncssh calls a tunnel: something that opens the connection it speaks over."""

    async def create_connection(
        self, session_factory: Callable[[], asyncio.Protocol], remote_host: str, remote_port: int
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """A TCP connection whose writes of one turn of the loop leave together."""
        loop = asyncio.get_running_loop()
        session = session_factory()
        transport, _ = await loop.create_connection(
            lambda: _Opening(session), remote_host, remote_port
        )
        return transport, session


class _Opening(asyncio.Protocol):
    """Stands in until the connection is made; then asyncssh's session has it to itself."""

    def __init__(self, session: asyncio.Protocol) -> None:
        self._session = session

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP makes no other
        transport.set_protocol(self._session)
        self._session.connection_made(_CoalescingTransport(transport))


class _CoalescingTransport(asyncio.Transport):
    """Holds what is written until the loop's present turn is over."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(bytes(data))

    def _flush(self) -> None:
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()
