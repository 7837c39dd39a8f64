"""What a probe needs of a host: run one command, get what it printed."""

import asyncio
from typing import Protocol

from ntp_checker.errors import OutputTooLarge
from ntp_checker.model import Capture

READ_CHUNK_BYTES = 64 * 1024


class Pipe(Protocol):
    """A program on a host that we talk with."""

    async def write(self, words: bytes) -> None:
        """Hands it these bytes. Raises CommandFailed if it has ended."""

    async def read(self) -> bytes:
        """What it printed since, one chunk at least. Raises CommandFailed at its end."""
        ...

    def close(self) -> None:
        """Ends its input, and with it the program."""


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
        ...

    async def open_pipe(self, command: str) -> Pipe:
        """Starts a program to talk with. Bounded in time by the caller.

        Raises CommandFailed, and what login raises.
        """
        ...

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
