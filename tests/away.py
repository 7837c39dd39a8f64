"""A checker's second half for tests: spool, writer and all that tells people, no looks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ntp_checker.advances import Alerting
from ntp_checker.config import load_configuration
from ntp_checker.model import JudgedSample, Route
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.spool import Spool
from ntp_checker.telling import Telling, make_telling
from ntp_checker.writer import Writer
from tests.inbox import InboxChannel
from tests.made_alerts import judged, offset
from tests.made_samples import SAMPLE

MAIL = Alerting(routes=(Route(channels=("mail",)),), interval_s=1.0)
#: Long enough for a batch on a busy machine, short enough to wait for.
AWAY_S = 0.5


def look(at: datetime, size_s: float, host: str = "h") -> JudgedSample:
    """A host's clock is off by this."""
    return judged(at, offset(size_s), sample=replace(SAMPLE, host=host, taken_at=at))


def target_of(host: str) -> str:
    """Where it is looked at, which its name does not tell."""
    return f"root@{host}.example.org:2222"


@dataclass
class HalfChecker:
    """Writer and telling over one spool."""

    spool: Spool
    pool: CheckerPool
    channels: Sequence[InboxChannel]
    hosts: Sequence[str] = ("h",)
    alerting: Alerting = MAIL
    away_s: float = AWAY_S
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    telling: Telling = field(init=False)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.telling = make_telling(
            load_configuration({}).settings,
            {channel.name: channel for channel in self.channels},
            self.pool,
            self.spool,
            alerting=lambda: self.alerting,
            targets=lambda: {host: target_of(host) for host in self.hosts},
            now=self.now,
            away_s=lambda: self.away_s,
        )
        self.writer = Writer(
            self.spool,
            self.pool,
            alerting=lambda: self.alerting,
            on_news=self.telling.outbox.wake,
            stand_in=self.telling.standby,
        )

    @asynccontextmanager
    async def running(self, *, writes: bool = True) -> AsyncIterator[None]:
        """All of it, or all but the writer."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.telling.run(stop))]
        if writes:
            tasks.append(asyncio.create_task(self.writer.run(stop)))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)
