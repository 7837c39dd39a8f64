"""A kept channel: one round trip for a look instead of a new process and its start.

A plain account keeps a `chronyc` that reads its commands from us; behind a restricted key the
forced command's loop takes the same words. Both answer alike: tracking, sources, sourcestats, and
at last activity, whose shape is known and which so marks the end. chronyc survives chronyd's
restart: it says `506` while it is down, at once, and answers again afterwards.

The channel only ever makes a look cheaper. Whatever it says that is not plainly right closes it,
and the look is done by the full command, which tells what is wrong.
"""

import asyncio
import re
import time
from collections.abc import Callable

from ntp_checker.collect.commands import CHANNEL_READY, CHRONY_MAX_BYTES, channel_command
from ntp_checker.collect.frames import MARK, FramedPart
from ntp_checker.collect.shell import Pipe, Shell
from ntp_checker.errors import ProbeError

REQUEST = b"tracking\nsources\nsourcestats\nactivity\n"
#: Where this does not answer at once, the full command finds out why.
ANSWER_LIMIT_S = 2.0
#: A chronyd that is not running is told at once; a `506` that took longer is a frozen one's.
DOWN_LIMIT_S = 1.0

_ACTIVITY = re.compile(rb"[0-9]+(,[0-9]+){4,}")
_DOWN = b"506 Cannot talk to daemon"
_WORDS = len(REQUEST.split())
_READY = CHANNEL_READY.encode()
#: Behind it the loop of a restricted key says with which status chronyc ended, if not with 0.
_LOOP_END = f"{MARK} end ".encode()
_MODES = (b"^,", b"=,", b"#,")
_TRACKING_COMMAS = 13


class ChannelBroken(Exception):
    """The channel ended, or did not answer as it should; never leaves this folder."""


class ChronyChannel:
    """One open channel to one host's chronyc."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    @classmethod
    async def open(cls, shell: Shell, limit_s: float) -> "ChronyChannel":
        """Starts it, and waits until the login shell is done talking. Raises ChannelBroken."""
        try:
            async with asyncio.timeout(limit_s):
                pipe = await shell.open_pipe(channel_command())
                try:
                    await _read_until(pipe, lambda lines: lines[-1] == _READY)
                except BaseException:
                    pipe.close()
                    raise
        except (TimeoutError, ProbeError) as error:
            raise ChannelBroken(str(error) or "not ready in time") from error
        return cls(pipe)

    async def ask(self, limit_s: float) -> dict[str, FramedPart]:
        """The three reports. Raises ChannelBroken; the channel is then of no more use."""
        asked_s = time.monotonic()
        try:
            async with asyncio.timeout(limit_s):
                await self._pipe.write(REQUEST)
                lines = await _read_until(self._pipe, _is_last)
        except (TimeoutError, ProbeError) as error:
            raise ChannelBroken(str(error) or "no answer in time") from error
        if lines[0] == _DOWN:
            if time.monotonic() - asked_s > DOWN_LIMIT_S:
                raise ChannelBroken("chronyc waited for a frozen chronyd")
            return {word: _part([_DOWN]) for word in ("tracking", "sources", "sourcestats")}
        return _split(lines)

    def close(self) -> None:
        """Ends it; the host sees the end of its input and stops."""
        self._pipe.close()


async def _read_until(pipe: Pipe, is_last: Callable[[list[bytes]], bool]) -> list[bytes]:
    """Lines up to the one that is the last. Raises ChannelBroken, CommandFailed.

    Each byte is looked at once, however slowly they drip.
    """
    lines: list[bytes] = []
    rest, size = b"", 0
    while True:
        chunk = await pipe.read()
        size += len(chunk)
        if size > CHRONY_MAX_BYTES:
            raise ChannelBroken("too large an answer")
        *whole, rest = (rest + chunk).split(b"\n")
        lines += whole
        if whole and not rest and is_last(lines):
            return lines


def _is_last(lines: list[bytes]) -> bool:
    # Down, a kept chronyc says so once for each word; the loop says it once and how it ended.
    last = lines[-1]
    return (
        _ACTIVITY.fullmatch(last) is not None
        or last.startswith(_LOOP_END)
        or lines == [_DOWN] * _WORDS
    )


def _split(lines: list[bytes]) -> dict[str, FramedPart]:
    """The reports one after the other: tracking has 14 fields, sources begin with a mode."""
    first, rest = lines[0], lines[1:-1]
    if first.count(b",") < _TRACKING_COMMAS:
        raise ChannelBroken(f"no tracking report: {first[:80]!r}")
    end = next((i for i, line in enumerate(rest) if line[:2] not in _MODES), len(rest))
    if any(line[:2] in _MODES for line in rest[end:]):
        raise ChannelBroken("reports are mixed up")
    return {
        "tracking": _part([first]),
        "sources": _part(rest[:end]),
        "sourcestats": _part(rest[end:]),
    }


def _part(lines: list[bytes]) -> FramedPart:
    output = b"".join(line + b"\n" for line in lines)
    return FramedPart(program="chronyc", output=output, exit_status=0)
