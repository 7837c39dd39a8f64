"""The checker watches itself: collects, judges, stores and tells, beside the looks at hosts.

While the database is away its own part is not known, and nothing can be stored. What is found then
is in the log at once, as an error, and its rounds are kept: when the database is back, they become
alerts as if it had been there, and what is old news by then is told in one digest.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from ntp_checker.checker import Checker
from ntp_checker.errors import RowsRefused, StoreError
from ntp_checker.model import Judgement, ProblemCode
from ntp_checker.own_alerts import Ourselves, advance_own
from ntp_checker.own_rounds import KeptRounds
from ntp_checker.rules.own import OwnLimits, OwnState, judge_own, would_be_heard
from ntp_checker.store.clock import read_clock
from ntp_checker.store.notifications import waiting_ages_s
from ntp_checker.store.partitions import days_ready
from ntp_checker.store.pool import store_errors

log = structlog.get_logger()

#: A further source of Judgements on ourselves, asked in each round.
JudgeMore = Callable[[], Iterable[Judgement]]

#: As often as hosts are looked at, within these: it costs a few milliseconds of the database, and
#: what is found here is worth knowing within a minute.
MIN_PAUSE_S = 5.0
MAX_PAUSE_S = 60.0
#: A frozen database does not answer at all.
DATABASE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the database says of us; None throughout where it did not answer."""

    error: str | None = None  #: why it did not
    waiting_s: dict[str, float] | None = None
    today: date | None = None
    partition_days: frozenset[date] = frozenset()
    clock_offset_s: float | None = None  #: of our wall clock, positive when ahead of its own


class OwnWatch:
    """Takes one round after the other for as long as the checker runs.

    `on_good` is called after each good one: every host's slots are safe in the spool, at least one
    host was seen, and somebody would hear if one broke.
    """

    def __init__(
        self,
        checker: Checker,
        *,
        limits: OwnLimits | None = None,
        judge_more: Sequence[JudgeMore] = (),
        on_good: Callable[[], None] = lambda: None,
    ) -> None:
        self._checker = checker
        self._limits = limits or OwnLimits()
        self._judge_more = judge_more
        self._on_good = on_good
        self._kept = KeptRounds()
        #: The newest Judgement of each code and subject: what has none just now is as it was.
        self._newest: dict[tuple[ProblemCode, str], Judgement] = {}

    async def run(self) -> None:
        """A round per interval. Never ends."""
        while True:
            await asyncio.sleep(
                min(max(self._checker.settings.interval_s, MIN_PAUSE_S), MAX_PAUSE_S)
            )
            try:
                await self.take_round()
            except Exception:
                log.exception("round about the checker itself failed")

    async def take_round(self) -> None:
        """One round: afterwards its alerts are stored and queued, or it is kept for later."""
        told = await self._ask_database()
        judgements = judge_own(self._state(told), self._limits)
        for more in self._judge_more:
            judgements += more()
        self._note(judgements)
        self._kept.add(judgements, time.monotonic())
        if told.error is None:
            await self._store()
        is_good = self._is_good()
        log.debug("round about the checker itself", is_good=is_good)
        if is_good:
            self._on_good()

    async def _ask_database(self) -> _Told:
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                with store_errors():
                    async with self._checker.pool.connection() as conn:
                        asked_s = time.time()
                        database_now = await read_clock(conn)
                        middle_s = (asked_s + time.time()) / 2
                        today, partition_days = await days_ready(conn)
                        return _Told(
                            waiting_s=await waiting_ages_s(conn),
                            today=today,
                            partition_days=partition_days,
                            clock_offset_s=middle_s - database_now.timestamp(),
                        )
        except TimeoutError:
            return _Told(error=f"no answer within {DATABASE_TIMEOUT_S:g} s")
        except StoreError as err:
            return _Told(error=str(err))

    def _state(self, told: _Told) -> OwnState:
        checker = self._checker
        own_offsets_s = {
            name: sighting.own_offset_s
            for name, sighting in checker.sightings.of(checker.hosts, self._since()).items()
        }
        return OwnState(
            replica=checker.spool.owner,
            spool_depth=checker.spool.depth,
            spool_age_s=checker.spool.oldest_uncommitted_age_s,
            database_error=told.error,
            channels=checker.outbox.channel_states(),
            waiting_s=told.waiting_s,
            today=told.today,
            partition_days=told.partition_days,
            premake_days=checker.settings.premake_days,
            database_offset_s=told.clock_offset_s,
            host_offsets_s={
                name: offset_s for name, offset_s in own_offsets_s.items() if offset_s is not None
            },
        )

    def _since(self) -> datetime:
        """A host whose slots are seen to has a newer one: one may be under way, none older."""
        return self._checker.clock.now() - timedelta(seconds=2 * self._checker.settings.interval_s)

    def _note(self, judgements: Iterable[Judgement]) -> None:
        """Says what has changed; what is bad needs a person, whatever becomes of its alert."""
        for one in judgements:
            key = one.code, one.subject
            before = self._newest.get(key)
            was_good = before is None or before.severity is None
            self._newest[key] = one
            told = {"code": one.code.value, "subject": one.subject, "reason": one.text}
            if was_good and one.severity is not None:
                log.error("the checker is not well", **told)
            elif not was_good and one.severity is None:
                log.info("the checker is well again", **told)

    async def _store(self) -> None:
        """Stores the rounds that wait; those that can't be stay, but for what never can be."""
        checker = self._checker
        ourselves = Ourselves(
            owner=checker.spool.owner,
            channels=[channel.name for channel in checker.settings.channels],
        )
        rounds = self._kept.as_of(checker.clock.now(), time.monotonic())
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                with store_errors():
                    async with checker.pool.connection() as conn, conn.transaction():
                        queued = await advance_own(conn, rounds, ourselves, checker.alerting)
        except RowsRefused:
            log.exception("rounds about the checker itself can never be stored")
        except (StoreError, TimeoutError) as err:
            log.debug("rounds about the checker itself are kept", reason=str(err))
            return
        else:
            if queued:
                checker.outbox.wake()
        self._kept.clear()

    def _is_good(self) -> bool:
        checker = self._checker
        sightings = checker.sightings.of(checker.hosts, self._since())
        if len(sightings) < len(checker.hosts):
            return False
        if not any(sighting.is_seen for sighting in sightings.values()):
            return False
        channels = [channel.name for channel in checker.settings.channels]
        return would_be_heard(list(self._newest.values()), channels)
