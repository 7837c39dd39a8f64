"""When a host is looked at: the same slots on every replica, by the database's clock."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog

log = structlog.get_logger()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: The clock may be set while a host waits for its slot: look at it again now and then.
MAX_NAP_S = 1.0


class Clock:
    """Now, by the database's clock where it was heard, carried on by the monotonic clock.

    Our own wall clock may be wrong or be set at any time; until the database is heard for the
    first time it is all we have.
    """

    def __init__(self) -> None:
        self._base = datetime.now(UTC)
        self._base_monotonic_s = time.monotonic()

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self._base + timedelta(seconds=time.monotonic() - self._base_monotonic_s)

    def wall_offset_s(self) -> float:
        """Of our own wall clock, positive when it is ahead of this one."""
        return (datetime.now(UTC) - self.now()).total_seconds()

    def follow(self, database_now: datetime, asked_at_s: float) -> float:
        """Takes over the database's time, read half-way since `asked_at_s` (monotonic).

        Returns the step made, in seconds, positive when we were behind.
        """
        heard_at_s = time.monotonic()
        before = self.now()
        self._base = database_now + timedelta(seconds=(heard_at_s - asked_at_s) / 2)
        self._base_monotonic_s = heard_at_s
        return (self._base - before).total_seconds()


class Slots:
    """The slots of one host: epoch-aligned k x interval + phase, the phase made from its name."""

    def __init__(self, host_name: str, interval_s: float) -> None:
        self._interval_us = round(interval_s * 1_000_000)
        digest = hashlib.sha256(host_name.encode()).digest()
        self._phase_us = int.from_bytes(digest[:8], "big") % self._interval_us

    def after(self, at: datetime) -> datetime:
        """The first slot later than `at`."""
        since_us = (at - _EPOCH) // _MICROSECOND - self._phase_us
        k = since_us // self._interval_us + 1
        return _EPOCH + timedelta(microseconds=k * self._interval_us + self._phase_us)

    def current(self, at: datetime) -> datetime:
        """The slot that `at` lies in: the last one not later."""
        return self.after(at) - timedelta(microseconds=self._interval_us)


async def _sleep_until(at: datetime, clock: Clock) -> None:
    """In naps: there is no event for a clock that is set while we sleep."""
    while (left_s := (at - clock.now()).total_seconds()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left_s, MAX_NAP_S))


async def run_slots(
    slots: Slots, clock: Clock, on_slot: Callable[[datetime], Awaitable[object]]
) -> None:
    """Calls `on_slot` at every slot, one at a time, until cancelled.

    A call that takes longer than the interval costs the slots in between. What it raises is
    logged and ends nothing: the next slot is tried again.
    """
    last: datetime | None = None
    while True:
        slot_at = slots.after(clock.now())
        if slot_at == last:  # the clock was set back a little: this one was done
            slot_at = slots.after(slot_at)
        await _sleep_until(slot_at, clock)
        last = slot_at
        try:
            await on_slot(slot_at)
        except Exception:
            log.exception("slot failed", slot_at=slot_at.isoformat())
