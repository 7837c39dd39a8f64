"""Notices that the database is away, decides who is to hear, and steps back when it returns."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import structlog

from ntp_checker.advances import Alerting
from ntp_checker.errors import StoreError
from ntp_checker.known_alerts import Known
from ntp_checker.model import JudgedSample, SilenceRule
from ntp_checker.notes import HandOver
from ntp_checker.standby.fleet import Fleet, hosts_by_group
from ntp_checker.standby.outbox import SpoolOutbox
from ntp_checker.store.silences import in_force
from ntp_checker.store.spool import Spool
from ntp_checker.store.spool_rows import SpoolRow

log = structlog.get_logger()

#: The database is away when a sample has waited for it this long, and no other was taken since.
AWAY_S = 60.0
STEP_S = 1.0
#: Samples that are advanced by at once: the looks are not kept waiting for them.
STEP_ROWS = 200
#: Longer than a message takes. One that is still under way then may arrive twice.
STEP_BACK_S = 35.0
#: So long the database's outbox waits for a replay at most, that old news are told in one.
REPLAY_S = 600.0


class Standby:
    """Stands in for the database where people are to be told. One per checker."""

    def __init__(
        self,
        spool: Spool,
        outbox: SpoolOutbox,
        *,
        alerting: Callable[[], Alerting],
        hosts: Callable[[], Collection[str]],
        now: Callable[[], datetime],
        on_news: Callable[[], None] = lambda: None,
        away_s: Callable[[], float] = lambda: AWAY_S,
    ) -> None:
        self._spool = spool
        self._outbox = outbox
        self._alerting = alerting
        self._hosts = hosts
        self._now = now
        self._on_news = on_news
        self._away_s = away_s
        self._fleet: Fleet | None = None  #: None while the database has the say
        self._silences: tuple[SilenceRule, ...] = ()
        self._done_to = 0  #: the last row that the fleet was advanced by
        self._turn = asyncio.Lock()  #: whoever has it decides what is told: a step, or the writer
        self._taken_at_s = time.monotonic()  #: when the database took samples last
        self._is_in_doubt = False  #: the last batch failed, maybe after its commit
        self._replay_from_s: float | None = None  #: since when it takes old ones; None: it does not

    @property
    def is_sending(self) -> bool:
        """True while people are told without the database."""
        return self._fleet is not None

    @property
    def has_news(self) -> bool:
        """True if the database is to learn what was told without it."""
        notes = self._spool.notes
        return self.is_sending or notes.is_away or not notes.is_empty

    def lets_database_tell(self) -> bool:
        """False while what waits in the database may be told from here, or is old news.

        That is: until a batch succeeded, what was told from here is in it, and the spool's old
        samples are.
        """
        if self.has_news or self._is_in_doubt:
            return False
        if not self._is_behind():
            return True
        began_s = self._replay_from_s
        return began_s is not None and time.monotonic() - began_s > REPLAY_S

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is under way then is the lanes' own."""
        fault: str | None = None  #: said once
        while not stop.is_set():
            try:
                while await self._step():
                    pass
                fault = None
            except Exception as err:
                # A fault of ours in what is told ends neither looks nor samples.
                if not isinstance(err, StoreError):
                    log.exception("alerts can't be followed by a fault of ours")
                elif fault is None:
                    fault = str(err)
                    log.error("alerts can't be followed without the database", reason=fault)  # noqa: TRY400
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_S):
                    await stop.wait()

    @asynccontextmanager
    async def stepping_back(
        self, database_answers: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[HandOver | None]:
        """While inside, nothing is decided or sent here, and the caller tells the database.

        What it is to be told is given; it is asked first whether it answers, where it was away.
        Left without an error, it has the say again; with one, all goes on here. None where there
        is nothing to step back from: should there be while the caller is at it, the next time
        sets that right.
        """
        try:
            if self.has_news:
                await database_answers()
                async with self._turn:
                    async with self._closed() as handed:
                        yield handed
                    self._end(handed)
            else:
                yield None
        except BaseException:
            self._is_in_doubt = True
            raise
        self._note_taken()

    @asynccontextmanager
    async def _closed(self) -> AsyncIterator[HandOver]:
        """What is noted; inside, nothing is sent from the spool. Left by an error, it is again."""
        was_open, self._outbox.is_open = self._outbox.is_open, False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP_BACK_S):
                    await self._outbox.idle()
            yield await self._spool.notes.read()
        except BaseException:
            self._outbox.is_open = was_open
            raise

    def _end(self, handed: HandOver) -> None:
        if not self.is_sending:
            return
        self._fleet = None
        self._done_to = 0
        accepted = sum(one.accepted_at is not None for one in handed.messages)
        log.info(
            "the database is back, alerts are sent from it again",
            notifications=len(handed.notes),
            messages=accepted,
        )

    def _note_taken(self) -> None:
        self._is_in_doubt = False
        self._taken_at_s = time.monotonic()
        if not self._is_behind():
            self._replay_from_s = None
        elif self._replay_from_s is None:
            self._replay_from_s = self._taken_at_s

    def _is_behind(self) -> bool:
        waited_s = self._spool.oldest_uncommitted_age_s
        return waited_s is not None and waited_s > self._away_s()

    def _is_away(self) -> bool:
        is_idle = time.monotonic() - self._taken_at_s > self._away_s()
        return self._is_behind() and (is_idle or self._spool.notes.is_away)

    async def _step(self) -> bool:
        """One turn, that the writer need not wait for long; False if nothing is left to do."""
        async with self._turn:
            if self._fleet is None:
                if not self._is_away() or not self._alerting().routes:
                    return False
                self._fleet = await self._begin()
            return await self._advance(self._fleet)

    async def _begin(self) -> Fleet:
        now = self._now()
        await self._spool.notes.mark_away(now)
        try:
            known = await self._spool.read_known()
        except ValueError as err:
            log.error("alerts from before are not known", reason=str(err))  # noqa: TRY400
            known = Known(hosts={}, silences=())
        handed = await self._spool.notes.read()
        self._silences = known.silences
        self._done_to = 0
        self._outbox.is_open = True
        log.warning(
            "the database is away, alerts are sent without it",
            waiting=self._spool.depth,
            oldest_s=self._spool.oldest_uncommitted_age_s,
        )
        return Fleet(known, await self._spool.newest_committed(), handed.notes)

    async def _advance(self, fleet: Fleet) -> bool:
        """Takes the next rows in; False if there were none."""
        rows = await self._spool.read_uncommitted(STEP_ROWS, after_id=self._done_to)
        if not rows:
            return False
        alerting, now = self._alerting(), self._now()
        names = self._hosts()
        decisions = fleet.advance(
            _samples(rows, names),
            alerting,
            silences=in_force(self._silences, now),
            hosts=hosts_by_group(names, alerting),
            now=now,
        )
        if decisions:
            await self._spool.notes.add(decisions, now)
            self._on_news()
        self._done_to = rows[-1].row_id
        return True


def _samples(rows: Collection[SpoolRow], names: Collection[str]) -> list[JudgedSample]:
    """Those of hosts that are watched under a lease of ours: the database takes no others in."""
    return [row.read_anyway() for row in rows if row.lease_epoch and row.host in names]
