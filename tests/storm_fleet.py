"""A simulated fleet at the writer's door, in real time: spool, writer, PostgreSQL and outbox are real.

As in the checker, each look is noted by the blindness before it is spooled, and what the checker
sees is judged once an interval.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from ntp_checker.advances import Alerting, end_hold
from ntp_checker.blindness import Blindness, has_answered, judge_sight
from ntp_checker.config import load_settings
from ntp_checker.model import (
    Failure,
    FailureKind,
    Host,
    JudgedSample,
    Limits,
    Part,
    Route,
    Sample,
)
from ntp_checker.outbox import DatabaseOutbox, Outbox
from ntp_checker.own_alerts import Ourselves, OwnRound, advance_own
from ntp_checker.rules.verdict import judge
from ntp_checker.schedule import Clock, Slots
from ntp_checker.store.clock import read_clock
from ntp_checker.store.hosts import sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.spool import Spool
from ntp_checker.telling import make_compose
from ntp_checker.writer import Writer
from tests.inbox import Inbox
from tests.made_samples import SAMPLE
from tests.stored_samples import Conn

#: What a host's look of a round finds; rounds are counted from 0.
Look = Callable[[str, datetime, int], JudgedSample]
_UNREACHED = Failure(
    part=Part.LOGIN,
    kind=FailureKind.UNREACHABLE,
    stage="connect",
    detail="no answer within 3 s",
)


def seen(host: str, at: datetime) -> JudgedSample:
    """A healthy host."""
    return _judged(replace(SAMPLE, host=host, slot_at=at, taken_at=at))


def unseen(host: str, at: datetime) -> JudgedSample:
    """A host that cannot be reached."""
    return _judged(
        replace(
            SAMPLE,
            host=host,
            slot_at=at,
            taken_at=at,
            host_time_at=None,
            tracking=None,
            sources=None,
            failures=(_UNREACHED,),
        )
    )


def _judged(sample: Sample) -> JudgedSample:
    return JudgedSample(sample=sample, verdict=judge(sample, Limits(), None))


@dataclass(kw_only=True)
class StormFleet:
    """Hosts in groups, looked at once per interval, each at its own phase."""

    pool: CheckerPool
    spool: Spool
    hosts: Sequence[Host]
    interval_s: float
    alerting: Alerting
    outbox: Outbox[Claimed]
    epochs: dict[str, int]
    clock: Clock
    late_s: list[float] = field(default_factory=list)  #: of each look, behind its slot

    def __post_init__(self) -> None:
        self.blindness = Blindness(self.spool.owner, interval_s=self.interval_s)
        self.writer = Writer(
            self.spool, self.pool, alerting=lambda: self.alerting_now, on_news=self.outbox.wake
        )
        self.sees_again = asyncio.Event()

    @property
    def alerting_now(self) -> Alerting:
        return replace(self.alerting, sight=self.blindness.sight)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Writer, outbox and what the checker says of itself."""
        stop = asyncio.Event()
        tasks = [
            asyncio.create_task(self.writer.run(stop)),
            asyncio.create_task(self.outbox.run(stop)),
        ]
        own = [
            asyncio.create_task(self._judge_sight()),
            asyncio.create_task(self._end_holds()),
        ]
        try:
            yield self
        finally:
            stop.set()
            for task in own:
                task.cancel()
            await asyncio.gather(*tasks)
            await asyncio.wait(own)

    async def rounds(self, number: int, look: Look) -> None:
        """So many looks at every host, in real time."""
        begins_at = self.clock.now() + timedelta(seconds=0.2)
        looks = sorted(
            (slot_at + timedelta(seconds=round_ * self.interval_s), host.name, round_)
            for host in self.hosts
            for slot_at in [Slots(host.name, self.interval_s).after(begins_at)]
            for round_ in range(number)
        )
        async with asyncio.TaskGroup() as appending:
            for slot_at, host, round_ in looks:
                await asyncio.sleep(max(0.0, (slot_at - self.clock.now()).total_seconds()))
                self.late_s.append((self.clock.now() - slot_at).total_seconds())
                appending.create_task(self._append(look(host, slot_at, round_)))

    async def _append(self, judged: JudgedSample) -> None:
        sample = judged.sample
        if self.blindness.note(sample.host, sample.slot_at, is_answered=has_answered(sample)):
            self.sees_again.set()
        await self.spool.append(judged, self.epochs[sample.host])

    async def _judge_sight(self) -> None:
        ourselves = Ourselves(owner=self.spool.owner, channels=("mail",))
        while True:
            found = OwnRound(at=self.clock.now(), judgements=(judge_sight(self.blindness.sight),))
            async with self.pool.connection() as conn, conn.transaction():
                queued = await advance_own(conn, [found], ourselves, self.alerting_now)
            if queued:
                self.outbox.wake()
            await asyncio.sleep(self.interval_s)

    async def _end_holds(self) -> None:
        while True:
            await self.sees_again.wait()
            self.sees_again.clear()
            async with self.pool.connection() as conn, conn.transaction():
                await end_hold(conn, self.blindness.sight)
            self.outbox.wake()


async def make_fleet(
    pool: CheckerPool,
    folder: Path,
    inbox: Inbox,
    *,
    hosts: int,
    interval_s: float,
    groups: int = 1,
) -> StormFleet:
    """Watched hosts h0001, h0002, … in groups, whose alerts go to the channel `mail`."""
    fleet = [
        Host(name=f"h{n:04}", address=f"h{n:04}", group=f"room {n % groups + 1}")
        for n in range(1, hosts + 1)
    ]
    spool = Spool(folder / "storm.sqlite3")
    asked_at_s = time.monotonic()
    clock = Clock()
    async with pool.connection() as conn:
        ids = await sync_hosts(conn, fleet)
        taken = await take_all(conn, spool.owner, ids.values())
        clock.follow(await read_clock(conn), asked_at_s)
    return StormFleet(
        pool=pool,
        spool=spool,
        hosts=fleet,
        interval_s=interval_s,
        alerting=Alerting(
            routes=(Route(channels=("mail",)),),
            interval_s=interval_s,
            group_of={host.name: host.group or "" for host in fleet},
        ),
        outbox=Outbox(
            DatabaseOutbox(pool, make_compose(load_settings({})), owner=spool.owner),
            {"mail": inbox.channel()},
        ),
        epochs={name: taken[host_id] for name, host_id in ids.items()},
        clock=clock,
    )


def messages(conn: Conn) -> list[tuple[str, str]]:
    """Title and text of each that was accepted, oldest first."""
    return conn.execute(
        "SELECT title, body FROM metrics.message WHERE accepted_at IS NOT NULL ORDER BY accepted_at"
    ).fetchall()


def resident_bytes() -> int:
    """Memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def percentiles(seconds: Sequence[float]) -> str:
    """Median, p99 and the largest, in ms."""
    found = statistics.quantiles(seconds, n=100)
    return " / ".join(f"{one * 1e3:.0f}" for one in (found[49], found[98], max(seconds))) + " ms"


def figures(conn: Conn, query: str) -> list[Any]:
    """One column."""
    return [one for (one,) in conn.execute(query.encode()).fetchall()]
