"""Keeps the rollups current for as long as the checker runs."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from ntp_checker.errors import StoreError
from ntp_checker.store.pool import CheckerPool, store_errors
from ntp_checker.store.rollups import TIERS, Tier, compute_dirty

log = structlog.get_logger()

#: A bucket that is being filled is computed this often while it lasts: 5 s, 30 s, 2 min. What
#: reads it in between takes its rows, so this is a matter of cost alone.
RUNS_PER_BUCKET = 60
RETRY_S = 10.0
RUN_TIMEOUT_S = 60.0


async def roll_up(pool: CheckerPool, tier: Tier) -> bool:
    """One run over a tier's dirty buckets; True if some are left. Raises StoreError."""
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            with store_errors():
                async with pool.connection() as conn:
                    return await compute_dirty(conn, tier)
    except TimeoutError as err:
        raise StoreError(f"no answer within {RUN_TIMEOUT_S:g} s") from err


async def roll_up_all(pool: CheckerPool) -> None:
    """Until nothing is dirty, or another checker is at it. Raises StoreError."""
    for tier in TIERS:
        while await roll_up(pool, tier):
            pass


async def run_rollups(
    pool: CheckerPool, stop: asyncio.Event, on_done: Callable[[str], None] = lambda _tier: None
) -> None:
    """Keeps all tiers current until `stop`; says once of each when it can't.

    `on_done` is called with the tier's name after each run that ended well.
    """
    due_s = dict.fromkeys(TIERS, 0.0)
    failing: set[Tier] = set()
    while not stop.is_set():
        tier = min(due_s, key=due_s.__getitem__)
        await _pause(stop, due_s[tier] - time.monotonic())
        if stop.is_set():
            return
        try:
            has_more = await roll_up(pool, tier)
            pause_s = 0.0 if has_more else tier.width.total_seconds() / RUNS_PER_BUCKET
            failing.discard(tier)
            on_done(tier.name)
        except StoreError as err:
            pause_s = RETRY_S
            if tier not in failing:
                log.warning("rollups could not be computed", tier=tier.name, reason=str(err))
            failing.add(tier)
        due_s[tier] = time.monotonic() + pause_s


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits this long, or until `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
