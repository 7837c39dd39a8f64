"""chrony's reports from one host: over the kept channel, or by the full command."""

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ntp_checker.collect.channel import ChannelBroken, ChronyChannel
from ntp_checker.collect.commands import CHRONY_MAX_BYTES, chrony_command
from ntp_checker.collect.frames import FramedPart, host_time, require_frames, require_part
from ntp_checker.collect.shell import Shell
from ntp_checker.errors import (
    DeadlineMissed,
    MalformedOutput,
    OutputTooLarge,
    ProbeError,
    Unreachable,
)
from ntp_checker.model import Selection, Source, SourceState, Tracking
from ntp_checker.parse.chrony import (
    join_selections,
    join_stats,
    parse_selectdata,
    parse_sources,
    parse_sourcestats,
    parse_tracking,
)
from ntp_checker.parse.raw_text import clean_text

log = structlog.get_logger()

#: The host's loop ends when no word came for 75 s: above this no channel is kept.
CHANNEL_MAX_INTERVAL_S = 37.0
#: The part of a look's time that the channel may have, so that the full command has enough left.
CHANNEL_TIME_RATIO = 0.25
CHANNEL_LIMIT_S = 2.0
#: One late answer may be a busy host's; two and the connection counts as dead.
MISSES_UNTIL_DEAD = 2
#: After a channel that did not work the full command does for a while.
CHANNEL_RETRY_S = 60.0
#: The channel tells no date: the host's clock is read by the full command this often, and carried
#: by our monotonic clock in between. At 100 ppm that is 30 ms.
DATE_EVERY_S = 300.0
#: A clock whose offset moved by this much was stepped: what we know of its date is void.
STEP_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChronyReports:
    """What a host answered, not parsed yet."""

    parts: dict[str, FramedPart]
    host_time_at: datetime | None  #: the host's own clock; None if it is not known

    def tracking(self) -> Tracking:
        """Raises what require_part and the parser raise."""
        return parse_tracking(require_part(self.parts, "tracking").output)

    def sources(self) -> tuple[Source, ...]:
        """With their statistics. Raises what require_part and the parsers raise."""
        listed = require_part(self.parts, "sources").output
        if not listed.strip() and not require_part(self.parts, "tracking").output.strip():
            # An empty list means "none configured", but not from a chronyc that says nothing.
            raise MalformedOutput("sources", "chronyc printed nothing, for tracking either")
        sources = parse_sources(listed)
        stats = parse_sourcestats(require_part(self.parts, "sourcestats").output)
        return join_selections(join_stats(sources, stats), self._selections())

    def _selections(self) -> dict[str, Selection]:
        """Empty where the account may not ask, chronyc does not know it, or nobody asked."""
        part = self.parts.get("selectdata")
        if part is None or part.exit_status != 0:
            return {}
        try:
            return parse_selectdata(part.output)
        except ProbeError as error:  # an extra: its form may change without costing the sources
            log.debug("selectdata not understood", reason=error.detail)
            return {}


class ChronyReader:
    """Asks one host's chronyd, look after look."""

    def __init__(self, shell: Shell, *, deadline_s: float, keeps_channel: bool) -> None:
        self._shell = shell
        self._deadline_s = deadline_s
        self._keeps_channel = keeps_channel
        self._channel: ChronyChannel | None = None
        self._no_channel_before_s = math.inf if not keeps_channel else 0.0  #: monotonic
        self._missed = 0  #: full commands in a row that did not answer in time
        self._may_tell_why = False  #: the account may ask for selectdata
        self._answered_in_full = False  #: the last full command had nothing to complain of
        self._date: datetime | None = None
        self._date_read_s = -math.inf  #: monotonic
        self._offset_s: float | None = None
        self._last: ChronyReports | None = None

    async def ask(self, logged_in: asyncio.Event) -> ChronyReports:
        """One round trip over the channel; the full command without one, or if it fails.

        Sets `logged_in` on the way. Raises Unreachable, HostKeyRejected, AuthRejected for the
        login, CommandFailed, DeadlineMissed, OutputTooLarge for the rest.
        """
        self._last = None
        ends_s = time.monotonic() + self._deadline_s
        await self._login()
        logged_in.set()
        reports = await self._ask_channel()
        self._last = reports or await self._ask_in_full(ends_s - time.monotonic())
        return self._last

    @property
    def has_answered(self) -> bool:
        """True if the last look got anything back, if only that chronyd is not there."""
        return self._last is not None

    def raw_text(self) -> str | None:
        """What the last look printed, report by report; None if it got no answer."""
        if self._last is None:
            return None
        printed = b"".join(
            b"# %s\n%s\n" % (word.encode(), part.output.rstrip(b"\n"))
            for word, part in self._last.parts.items()
        )
        return clean_text(printed)

    def note(self, tracking: Tracking | None, sources: tuple[Source, ...] | None) -> None:
        """What was made of the last answer.

        A clock that was stepped has a new date. Where no source is selected the full command
        goes on being asked, if it may tell why.
        """
        is_followed = any(source.state is SourceState.SELECTED for source in sources or ())
        if not is_followed and self._may_tell_why:
            self._date_read_s = -math.inf
        if tracking is None:
            return
        before_s, self._offset_s = self._offset_s, tracking.system_offset_s
        if before_s is not None and abs(tracking.system_offset_s - before_s) > STEP_S:
            self._date_read_s = -math.inf

    def close(self) -> None:
        """Ends the channel; the shell is its owner's."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def _login(self) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._shell.login()
        except TimeoutError as error:
            detail = f"no SSH login within {self._deadline_s:g} s"
            raise Unreachable(detail, stage="login") from error

    async def _ask_channel(self) -> ChronyReports | None:
        """None where there is no channel, or no more, or where the date must be read again."""
        now_s = time.monotonic()
        if now_s - self._date_read_s > DATE_EVERY_S or now_s < self._no_channel_before_s:
            return None
        limit_s = min(CHANNEL_LIMIT_S, CHANNEL_TIME_RATIO * self._deadline_s)
        try:
            if self._channel is None and self._answered_in_full:
                self._channel = await ChronyChannel.open(self._shell, limit_s)
            if self._channel is None:
                return None
            parts = await self._channel.ask(limit_s)
        except ChannelBroken as error:
            log.debug("channel given up", reason=str(error))
            self.close()
            self._no_channel_before_s = now_s + CHANNEL_RETRY_S
            return None
        date = self._date and self._date + timedelta(seconds=now_s - self._date_read_s)
        return ChronyReports(parts=parts, host_time_at=date)

    async def _ask_in_full(self, left_s: float) -> ChronyReports:
        left_s = max(left_s, 0.05)
        self._answered_in_full = False
        try:
            async with asyncio.timeout(left_s):
                capture = await self._shell.run(chrony_command(left_s), CHRONY_MAX_BYTES)
        except TimeoutError as error:
            self._missed += 1
            if self._missed >= MISSES_UNTIL_DEAD:
                await self._shell.close()
            detail = f"no answer within {self._deadline_s:g} s"
            raise DeadlineMissed(detail, stage="run") from error
        except OutputTooLarge:
            await self._shell.close()
            raise
        self._missed = 0
        parts = require_frames(capture, first="date")
        self._date, self._date_read_s = host_time(parts), time.monotonic()
        self._may_tell_why = "selectdata" in parts and parts["selectdata"].exit_status == 0
        self._answered_in_full = all(
            word in parts and parts[word].exit_status == 0
            for word in ("tracking", "sources", "sourcestats")
        )
        return ChronyReports(parts=parts, host_time_at=self._date)
