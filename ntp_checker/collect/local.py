"""The machine we run on: the same commands, without SSH."""

import asyncio
import os
import signal

from ntp_checker.collect.shell import read_bounded
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

    async def close(self) -> None:
        """Nothing is open."""
