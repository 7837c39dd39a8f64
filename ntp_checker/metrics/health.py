"""Whether the checker runs and whether it is ready, for an orchestrator's probes. From memory."""

import asyncio
import time
from collections.abc import Callable

BEAT_S = 1.0
#: A loop that stands still for some intervals is stuck; a machine that swaps is given a while.
STALL_INTERVALS = 3
STALL_MIN_S = 15.0
STALL_MAX_S = 60.0
#: What was found of the database counts this long. A frozen one says nothing at all.
DATABASE_SEEN_S = 12.0


class Health:
    """Written by the checker's loop, read by another thread, which never waits for the loop."""

    def __init__(
        self, interval_s: float, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.interval_s = interval_s  #: between two looks at a host, as in force
        self.is_started = False  #: all hosts are watched, the database knows them
        self._monotonic = monotonic
        self._beat_at_s = monotonic()
        self._database_seen_at_s: float | None = None

    async def keep_beating(self) -> None:
        """Shows that the loop runs. Never ends."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def beat(self) -> None:
        """The loop runs."""
        self._beat_at_s = self._monotonic()

    def database_seen(self) -> None:
        """The database answered, and its schema is the one that this release needs."""
        self._database_seen_at_s = self._monotonic()

    def database_lost(self) -> None:
        """It did not, or it has another schema."""
        self._database_seen_at_s = None

    @property
    def is_database_reached(self) -> bool:
        """True if it answered a moment ago."""
        seen_at_s = self._database_seen_at_s
        return seen_at_s is not None and self._monotonic() - seen_at_s < DATABASE_SEEN_S

    def is_alive(self) -> bool:
        """True while the loop runs, whatever the database does."""
        limit_s = min(STALL_MAX_S, max(STALL_MIN_S, STALL_INTERVALS * self.interval_s))
        return self._monotonic() - self._beat_at_s < limit_s

    def is_ready(self) -> bool:
        """True once all is started, and while the loop runs and the database is reached."""
        return self.is_started and self.is_alive() and self.is_database_reached
