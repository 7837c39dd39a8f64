"""How the looking at hosts ends: at once, but for a look that is under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from ntp_checker.collect.probe import Probe
from ntp_checker.config import Settings
from ntp_checker.model import Sample
from ntp_checker.schedule import Clock
from ntp_checker.targets import parse_target
from ntp_checker.watch import RunCycle, Watch

pytestmark = pytest.mark.asyncio

#: Far longer than what ends in time, far shorter than a test's own limit.
LIMIT_S = 20.0


@asynccontextmanager
async def watching(run_cycle: RunCycle) -> AsyncIterator[Watch]:
    async with asyncio.TaskGroup() as group:
        watch = Watch(Clock(), run_cycle, group)
        await watch.follow(Settings(interval_s=0.1), [parse_target("local", "nobody")])
        yield watch
    await watch.close()


async def test_looking_when_finished_then_the_look_under_way_ends_and_no_other_begins() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    ended: list[datetime] = []

    async def look(
        _probe: Probe, _look: Callable[[datetime], Awaitable[Sample]], slot_at: datetime
    ) -> None:
        begun.set()
        await may_end.wait()
        ended.append(slot_at)

    async with watching(look) as watch:
        await begun.wait()
        finishing = asyncio.create_task(watch.finish(LIMIT_S))
        may_end.set()
        await finishing
        at_finish = len(ended)

    assert at_finish == len(ended) == 1


async def test_looking_when_a_look_takes_longer_than_it_may_then_it_is_cut_off() -> None:
    begun = asyncio.Event()

    async def look(
        _probe: Probe, _look: Callable[[datetime], Awaitable[Sample]], _slot_at: datetime
    ) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with watching(look) as watch:
        await begun.wait()
        started_s = time.monotonic()
        await watch.finish(0.05)
        took_s = time.monotonic() - started_s

    assert 0.05 <= took_s < LIMIT_S
