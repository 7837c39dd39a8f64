"""The machine we run on: the same commands, without SSH."""

import asyncio
import os
import signal
from contextlib import suppress

from ntp_checker.collect.shell import READ_CHUNK_BYTES, Pipe, read_bounded
from ntp_checker.errors import CommandFailed
from ntp_checker.model import Capture


class LocalShell:
    """Runs commands with /bin/sh. Nothing is kept open."""

    async def login(self) -> None:
        """We are here already."""

    async def run(self, command: str, max_bytes: int) -> Capture:
        """See Shell.run. The command and what it started are killed if it is cut short."""
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandFailed(f"can't start /bin/sh: {error}", stage="run") from error
        stdout = process.stdout
        assert stdout is not None  # noqa: S101 - asked for above
        try:
            output = await read_bounded(stdout, max_bytes)
            exit_status = await process.wait()
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Capture(output=output, exit_status=exit_status if exit_status >= 0 else None)

    async def open_pipe(self, command: str) -> Pipe:
        """See Shell.open_pipe."""
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandFailed(f"can't start /bin/sh: {error}", stage="run") from error
        return _LocalPipe(process)

    async def close(self) -> None:
        """Nothing is open."""


class _LocalPipe:
    """A program of this machine."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - asked for above
        self._stdin, self._stdout = stdin, stdout

    async def write(self, words: bytes) -> None:
        """See Pipe.write."""
        try:
            self._stdin.write(words)
            await self._stdin.drain()
        except OSError as error:
            raise CommandFailed(f"program has ended: {error}", stage="ask") from error

    async def read(self) -> bytes:
        """See Pipe.read."""
        chunk = await self._stdout.read(READ_CHUNK_BYTES)
        if not chunk:
            raise CommandFailed("the program ended", stage="read")
        return chunk

    def close(self) -> None:
        """See Pipe.close. A program that does not heed the end of its input is killed."""
        self._stdin.close()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
