"""Looks at one host: Captures -> a Sample. A look that fails is a Sample, too."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from ntp_checker.collect.chrony import CHANNEL_MAX_INTERVAL_S, ChronyReader
from ntp_checker.collect.failures import LOGIN_ERRORS, failure_of, take_part
from ntp_checker.collect.gps import GpsReader
from ntp_checker.collect.shell import Shell
from ntp_checker.errors import ProbeError
from ntp_checker.model import Failure, HasGps, Host, Part, RawText, Sample


class Probe:
    """Looks at one host over one kept shell; GPS has a rhythm of its own beside the looks."""

    def __init__(
        self,
        host: Host,
        shell: Shell,
        *,
        interval_s: float,
        deadline_s: float,
        now: Callable[[], datetime],
        keeps_position: bool = False,
    ) -> None:
        self._host = host
        self._shell = shell
        self._now = now
        self._chrony = ChronyReader(
            shell, deadline_s=deadline_s, keeps_channel=interval_s <= CHANNEL_MAX_INTERVAL_S
        )
        self._gps = GpsReader(host, shell, now, keeps_position=keeps_position)
        self._logged_in = asyncio.Event()
        self._looked_at: datetime | None = None

    @property
    def host(self) -> Host:
        """The host as it is to be looked at and judged."""
        return self._host

    @host.setter
    def host(self, host: Host) -> None:
        self._host = self._gps.host = host

    @property
    def expects_gps(self) -> bool:
        """True once the host is known to have GPS."""
        return self._gps.is_expected

    def be_sure_of_gps(self) -> None:
        """The host is known to have GPS, from an earlier run."""
        self._gps.be_sure()

    async def look(self, slot_at: datetime) -> Sample:
        """One look: chrony now, and the newest GPS report with its age.

        Takes the deadline at most, and a moment to clean up. Never raises ProbeError.
        """
        return self._gps.added_to(await self._look_at_chrony(slot_at))

    async def look_once(self, slot_at: datetime) -> Sample:
        """A single look that waits for GPS, too: some four seconds where there is gpspipe."""
        sample = await self._look_at_chrony(slot_at)
        # Where nothing answered at all, gpspipe would not either, and would take its time for it.
        if self.host.has_gps is not HasGps.NO and self._chrony.has_answered:
            await self._gps.read()
            self._gps.be_sure_now()
        return self._gps.added_to(sample)

    def raw_text(self) -> RawText | None:
        """What the host printed at the last look and at the last read of GPS.

        Without a position, unless it was asked to keep it.

        None before the first look.
        """
        if self._looked_at is None:
            return None
        return RawText(
            taken_at=self._looked_at,
            chrony_text=self._chrony.raw_text(),
            gps_text=self._gps.raw_text(),
        )

    async def watch_gps(self, interval_s: float) -> None:
        """Reads GPS every `interval_s` seconds until cancelled."""
        await self._gps.watch(interval_s, self._logged_in)

    async def close(self) -> None:
        """Ends the session with the host."""
        self._chrony.close()
        await self._shell.close()

    async def _look_at_chrony(self, slot_at: datetime) -> Sample:
        taken_at, started_s = self._now(), time.monotonic()
        self._looked_at = taken_at
        failures: list[Failure] = []
        reports = None
        try:
            reports = await self._chrony.ask(self._logged_in)
        except LOGIN_ERRORS as error:
            failures.append(failure_of(Part.LOGIN, error))
            self._logged_in.clear()
        except ProbeError as error:
            failures += [failure_of(Part.TRACKING, error), failure_of(Part.SOURCES, error)]
        tracking = sources = None
        if reports is not None:
            tracking = take_part(Part.TRACKING, reports.tracking, failures)
            sources = take_part(Part.SOURCES, reports.sources, failures)
            self._chrony.note(tracking, sources)
            self._gps.note_sources(sources or ())
        return Sample(
            host=self.host.name,
            slot_at=slot_at,
            taken_at=taken_at,
            duration_s=time.monotonic() - started_s,
            host_time_at=reports.host_time_at if reports is not None else None,
            failures=tuple(failures),
            tracking=tracking,
            sources=sources,
        )
