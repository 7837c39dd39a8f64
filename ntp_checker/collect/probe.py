"""Looks at one host: Captures -> a Sample. A look that fails is a Sample, too."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import structlog

from ntp_checker.collect.commands import (
    CHRONY_MAX_BYTES,
    GPS_DEADLINE_S,
    GPS_MAX_BYTES,
    NOT_FOUND_EXIT,
    FramedPart,
    chrony_command,
    gps_command,
    host_time,
    require_part,
    split_frames,
)
from ntp_checker.collect.shell import Shell
from ntp_checker.errors import (
    AuthRejected,
    ChronydDown,
    CommandFailed,
    DeadlineMissed,
    HostKeyRejected,
    MalformedOutput,
    OutputTooLarge,
    ProbeError,
    Unreachable,
)
from ntp_checker.model import (
    Capture,
    Failure,
    FailureKind,
    GpsReport,
    HasGps,
    Host,
    Part,
    Sample,
    Source,
    SourceMode,
    Tracking,
)
from ntp_checker.parse.chrony import join_stats, parse_sources, parse_sourcestats, parse_tracking
from ntp_checker.parse.gpsd import as_device, parse_gps

T = TypeVar("T")

log = structlog.get_logger()

_KINDS: dict[type[ProbeError], FailureKind] = {
    Unreachable: FailureKind.UNREACHABLE,
    HostKeyRejected: FailureKind.HOST_KEY,
    AuthRejected: FailureKind.AUTH,
    CommandFailed: FailureKind.COMMAND,
    ChronydDown: FailureKind.CHRONYD_DOWN,
    DeadlineMissed: FailureKind.DEADLINE,
    MalformedOutput: FailureKind.MALFORMED,
    OutputTooLarge: FailureKind.TOO_LARGE,
}
_LOGIN_ERRORS = (Unreachable, HostKeyRejected, AuthRejected)

#: An `auto` host has GPS after this many reads of a receiver, or looks with such a refclock.
GPS_REPORTS_UNTIL_SURE = 3
#: refids that people give to refclocks fed by a receiver, as chrony's manual does.
GPS_REFCLOCK_NAMES = ("GPS", "PPS", "NMEA", "GNSS")
#: How long a host without gpspipe is left in peace before it is asked again.
NO_GPSPIPE_RETRY_S = 600.0

_CONTROL = re.compile(r"[^\x20-\x7e\u00a0-\u02ff±µ]")


@dataclass(slots=True)
class _GpsState:
    """What the GPS channel knows: the newest reports, or why there are none."""

    reports: tuple[GpsReport, ...] = ()
    failure: Failure | None = None
    sightings: int = 0
    missing: bool = False  #: there is no gpspipe on the host


class Probe:
    """Looks at one host over one kept shell; GPS has a rhythm of its own beside the looks."""

    def __init__(
        self, host: Host, shell: Shell, *, deadline_s: float, now: Callable[[], datetime]
    ) -> None:
        self.host = host
        self._shell = shell
        self._deadline_s = deadline_s
        self._now = now
        self._gps = _GpsState()
        self._logged_in = asyncio.Event()

    @property
    def expects_gps(self) -> bool:
        """True once the host is known to have GPS: said so, or seen often enough."""
        if self.host.has_gps is HasGps.AUTO:
            return self._gps.sightings >= GPS_REPORTS_UNTIL_SURE
        return self.host.has_gps is HasGps.YES

    @property
    def _sees_gps(self) -> bool:
        """True if gpsd answered, if only to say that its receiver is silent."""
        failure = self._gps.failure
        return bool(self._gps.reports) or (
            failure is not None and failure.kind is not FailureKind.COMMAND
        )

    async def look(self, slot_at: datetime) -> Sample:
        """One look: chrony now, and the newest GPS report with its age.

        Takes the deadline at most, and a moment to clean up. Never raises ProbeError.
        """
        sample = await self._look_at_chrony(slot_at)
        return self._with_gps(sample, self._now())

    async def look_once(self, slot_at: datetime) -> Sample:
        """A single look that waits for GPS, too: some four seconds where there is gpspipe."""
        sample = await self._look_at_chrony(slot_at)
        if self.host.has_gps is not HasGps.NO and sample.failure_of(Part.LOGIN) is None:
            await self.read_gps()
            if self._sees_gps:  # who looks once can't wait to be sure
                self._gps.sightings = GPS_REPORTS_UNTIL_SURE
        return self._with_gps(sample, self._now())

    async def _look_at_chrony(self, slot_at: datetime) -> Sample:
        taken_at, started = self._now(), time.monotonic()
        failures: list[Failure] = []
        parts: dict[str, FramedPart] | None = None
        try:
            parts = await self._ask_chrony()
        except _LOGIN_ERRORS as error:
            failures.append(_failure(Part.LOGIN, error))
            self._logged_in.clear()
        except ProbeError as error:
            failures += [_failure(Part.TRACKING, error), _failure(Part.SOURCES, error)]
        tracking, sources = None, None
        if parts is not None:
            tracking = _take(Part.TRACKING, lambda: _tracking(parts), failures)
            sources = _take(Part.SOURCES, lambda: _sources(parts), failures)
        self._gps.sightings += _has_gps_refclock(sources)
        return Sample(
            host=self.host.name,
            slot_at=slot_at,
            taken_at=taken_at,
            duration_s=time.monotonic() - started,
            host_time_at=host_time(parts) if parts is not None else None,
            failures=tuple(failures),
            tracking=tracking,
            sources=sources,
        )

    async def _ask_chrony(self) -> dict[str, FramedPart]:
        ends_at = time.monotonic() + self._deadline_s
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._shell.login()
        except TimeoutError as error:
            detail = f"no SSH login within {self._deadline_s:g} s"
            raise Unreachable(detail, stage="login") from error
        self._logged_in.set()
        left_s = max(ends_at - time.monotonic(), 0.05)
        try:
            async with asyncio.timeout(left_s):
                capture = await self._shell.run(chrony_command(left_s), CHRONY_MAX_BYTES)
        except TimeoutError as error:
            await self._shell.close()
            detail = f"no answer within {self._deadline_s:g} s"
            raise DeadlineMissed(detail, stage="run") from error
        except OutputTooLarge:
            await self._shell.close()
            raise
        return _frames(capture, first="date")

    def _with_gps(self, sample: Sample, at: datetime) -> Sample:
        gps = self._gps
        failures = sample.failures
        if gps.failure is not None and sample.failure_of(Part.LOGIN) is None:
            failures = (*failures, gps.failure)
        aged = [replace(r, age_s=max(0.0, (at - r.taken_at).total_seconds())) for r in gps.reports]
        return replace(
            sample,
            failures=failures,
            gps=aged[0] if aged else None,
            gps_devices=tuple(as_device(report) for report in aged),
        )

    async def watch_gps(self, interval_s: float) -> None:
        """Reads GPS every `interval_s` seconds until cancelled; not at all where there is none."""
        if self.host.has_gps is HasGps.NO:
            return
        while True:
            await self._logged_in.wait()  # a host that is away is asked once a slot, not twice
            started = time.monotonic()
            await self.read_gps()
            rhythm_s = NO_GPSPIPE_RETRY_S if self._gps.missing else interval_s
            await asyncio.sleep(max(0.0, started + rhythm_s - time.monotonic()))

    async def read_gps(self) -> None:
        """Listens to gpsd once; what it says goes into the samples from now on.

        A read that fails keeps the last reports, which grow old, and says why. A login that
        fails says nothing about GPS.
        """
        gps = self._gps
        try:
            gps.reports = await self._ask_gps()
        except _LOGIN_ERRORS as error:
            log.debug("gps not read", host=self.host.name, reason=error.detail)
            return
        except ProbeError as error:
            gps.failure = None if gps.missing else _failure(Part.GPS, error)
        else:
            gps.failure = None
            gps.sightings += 1

    async def _ask_gps(self) -> tuple[GpsReport, ...]:
        try:
            async with asyncio.timeout(GPS_DEADLINE_S):
                capture = await self._shell.run(gps_command(), GPS_MAX_BYTES)
        except TimeoutError as error:
            detail = f"gpspipe gave no answer within {GPS_DEADLINE_S} s"
            raise DeadlineMissed(detail, stage="run") from error
        parts = _frames(capture, first="gpspipe")
        # Where GPS was never seen, no gpspipe means no GPS, which is no failure.
        not_there = "gpspipe" in parts and parts["gpspipe"].exit_status == NOT_FOUND_EXIT
        self._gps.missing = not_there and not self.expects_gps
        return parse_gps(require_part(parts, "gpspipe").output, self._now())

    async def close(self) -> None:
        """Ends the session with the host."""
        await self._shell.close()


def _frames(capture: Capture, first: str) -> dict[str, FramedPart]:
    """The parts of an answer. Raises CommandFailed if not even the first one is there."""
    parts = split_frames(capture.output)
    if first in parts:
        return parts
    said = capture.output.strip().split(b"\n")[-1][:120].decode("ascii", "backslashreplace")
    ended = "was killed" if capture.exit_status is None else f"exit status {capture.exit_status}"
    raise CommandFailed(
        f"the account runs no commands ({ended}){': ' + said if said else ''}", stage="run"
    )


def _has_gps_refclock(sources: tuple[Source, ...] | None) -> bool:
    return any(
        source.mode is SourceMode.REFCLOCK and source.address.startswith(GPS_REFCLOCK_NAMES)
        for source in sources or ()
    )


def _tracking(parts: dict[str, FramedPart]) -> Tracking:
    return parse_tracking(require_part(parts, "tracking").output)


def _sources(parts: dict[str, FramedPart]) -> tuple[Source, ...]:
    sources = parse_sources(require_part(parts, "sources").output)
    stats = parse_sourcestats(require_part(parts, "sourcestats").output)
    return join_stats(sources, stats)


def _take(part: Part, parse: Callable[[], T], failures: list[Failure]) -> T | None:
    """What `parse` makes of a part; if it fails, the part fails alone."""
    try:
        return parse()
    except ProbeError as error:
        failures.append(_failure(part, error))
        return None


def _failure(part: Part, error: ProbeError) -> Failure:
    return Failure(
        part=part,
        kind=_KINDS[type(error)],
        stage=error.stage,
        detail=_CONTROL.sub("\N{REPLACEMENT CHARACTER}", error.detail)[:500],
    )
