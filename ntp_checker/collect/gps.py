"""GPS of one host, read in a rhythm of its own, so that a look never waits for it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from ntp_checker.collect.commands import (
    GPS_DEADLINE_S,
    GPS_MAX_BYTES,
    gps_command,
)
from ntp_checker.collect.failures import LOGIN_ERRORS, failure_of
from ntp_checker.collect.frames import NOT_FOUND_EXIT, require_frames, require_part
from ntp_checker.collect.shell import Shell
from ntp_checker.errors import DeadlineMissed, ProbeError
from ntp_checker.model import (
    Failure,
    FailureKind,
    GpsReport,
    HasGps,
    Host,
    Part,
    Sample,
    Source,
    SourceMode,
)
from ntp_checker.parse.gpsd import as_device, parse_gps
from ntp_checker.parse.raw_text import clean_text, without_position

log = structlog.get_logger()

#: An `auto` host has GPS after this many reads of a receiver, or looks with such a refclock.
SIGHTINGS_UNTIL_SURE = 3
#: refids that people give to refclocks fed by a receiver, as chrony's manual does.
GPS_REFCLOCK_NAMES = ("GPS", "PPS", "NMEA", "GNSS")
#: How long a host without gpspipe is left in peace before it is asked again.
NO_GPSPIPE_RETRY_S = 600.0
#: Failure.stage of a read that came back with nothing, not even the mark that gpspipe was started.
NOT_STARTED_STAGE = "start"


class GpsReader:
    """What gpsd said last, or why it says nothing."""

    def __init__(
        self, host: Host, shell: Shell, now: Callable[[], datetime], *, keeps_position: bool
    ) -> None:
        self.host = host  #: may be given other settings while it is watched
        self._to_text = clean_text if keeps_position else without_position
        self._shell = shell
        self._now = now
        self._reports: tuple[GpsReport, ...] = ()
        self._failure: Failure | None = None
        self._sightings = 0
        self._is_missing = False  #: there is no gpspipe on the host
        self._raw_text: str | None = None

    @property
    def is_expected(self) -> bool:
        """True once the host is known to have GPS: said so, or seen often enough."""
        if self.host.has_gps is HasGps.AUTO:
            return self._sightings >= SIGHTINGS_UNTIL_SURE
        return self.host.has_gps is HasGps.YES

    def note_sources(self, sources: tuple[Source, ...]) -> None:
        """A refclock that is fed by a receiver tells of GPS, too."""
        self._sightings += any(
            source.mode is SourceMode.REFCLOCK and source.address.startswith(GPS_REFCLOCK_NAMES)
            for source in sources
        )

    def be_sure(self) -> None:
        """The host is known to have GPS, from an earlier run."""
        self._sightings = SIGHTINGS_UNTIL_SURE

    def be_sure_now(self) -> None:
        """For who looks only once: gpsd that answers, if only of a silent receiver, is enough."""
        failure = self._failure
        answered = failure is not None and (
            failure.kind is not FailureKind.COMMAND and failure.stage != NOT_STARTED_STAGE
        )
        if self._reports or answered:
            self._sightings = SIGHTINGS_UNTIL_SURE

    def added_to(self, sample: Sample) -> Sample:
        """The sample with the newest reports, their age, and the failure of the last read."""
        failures = sample.failures
        if self._failure is not None and sample.failure_of(Part.LOGIN) is None:
            failures = (*failures, self._failure)
        at = self._now()
        aged = [
            replace(report, age_s=max(0.0, (at - report.taken_at).total_seconds()))
            for report in self._reports
        ]
        return replace(
            sample,
            failures=failures,
            gps=aged[0] if aged else None,
            gps_devices=tuple(as_device(report) for report in aged),
        )

    def raw_text(self) -> str | None:
        """What gpspipe printed last, without a position unless it is kept; None before a read."""
        return self._raw_text

    async def watch(self, interval_s: float, logged_in: asyncio.Event) -> None:
        """Reads every `interval_s` seconds until cancelled; not at all where there is none.

        Only while `logged_in`: a host that is away is asked once a slot, by the look.
        """
        if self.host.has_gps is HasGps.NO:
            return
        while True:
            await logged_in.wait()
            started = time.monotonic()
            await self.read()
            rhythm_s = NO_GPSPIPE_RETRY_S if self._is_missing else interval_s
            await asyncio.sleep(max(0.0, started + rhythm_s - time.monotonic()))

    async def read(self) -> None:
        """Listens to gpsd once; what it says goes into the samples from now on.

        A read that fails keeps the last reports, which grow old, and says why. A login that
        fails says nothing about GPS.
        """
        try:
            self._reports = await self._ask()
        except LOGIN_ERRORS as error:
            log.debug("gps not read", host=self.host.name, reason=error.detail)
            return
        except ProbeError as error:
            self._failure = None if self._is_missing else failure_of(Part.GPS, error)
        else:
            self._failure = None
            self._sightings += 1

    async def _ask(self) -> tuple[GpsReport, ...]:
        try:
            async with asyncio.timeout(GPS_DEADLINE_S):
                capture = await self._shell.run(gps_command(), GPS_MAX_BYTES)
        except TimeoutError as error:
            detail = f"gpspipe gave no answer within {GPS_DEADLINE_S} s"
            raise DeadlineMissed(detail, stage=NOT_STARTED_STAGE) from error
        parts = require_frames(capture, first="gpspipe")
        self._raw_text = self._to_text(parts["gpspipe"].output)
        # Where GPS was never seen, no gpspipe means no GPS, which is no failure.
        not_there = parts["gpspipe"].exit_status == NOT_FOUND_EXIT
        self._is_missing = not_there and not self.is_expected
        return parse_gps(require_part(parts, "gpspipe").output, self._now())
