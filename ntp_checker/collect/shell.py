"""What a probe needs of a host: run one command, get what it printed."""

import asyncio
from typing import Protocol

from ntp_checker.errors import OutputTooLarge
from ntp_checker.model import Capture

READ_CHUNK_BYTES = 64 * 1024


class Shell(Protocol):
    """A way onto one host, kept open between commands where that makes sense."""

    async def login(self) -> None:
        """Makes sure we are logged in.

        Raises Unreachable, HostKeyRejected, AuthRejected.
        """

    async def run(self, command: str, max_bytes: int) -> Capture:
        """Runs one command for the host's login shell. Bounded in time by the caller.

        Raises OutputTooLarge, CommandFailed, and what login raises.
        """

    async def close(self) -> None:
        """Ends the session, and what still runs in it."""


class _Reader(Protocol):
    async def read(self, n: int = -1, /) -> bytes: ...


async def read_bounded(reader: _Reader, max_bytes: int) -> bytes:
    """Everything up to the end, never holding more than `max_bytes` and one chunk.

    Raises OutputTooLarge.
    """
    chunks, size = [], 0
    while chunk := await reader.read(READ_CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise OutputTooLarge(f"more than {max_bytes} bytes of output", stage="read")
        chunks.append(chunk)
        await asyncio.sleep(0)  # endless output must not keep other hosts waiting
    return b"".join(chunks)
