"""From the spool into PostgreSQL: the second half of a sample's way. One batch, one transaction."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

import structlog

from ntp_checker.advances import Advanced, Alerting, advance_alerts
from ntp_checker.empty_slot import empty_slot
from ntp_checker.errors import PartitionMissing, RowsRefused, StoreError
from ntp_checker.known_alerts import Known
from ntp_checker.model import FailureKind, JudgedSample
from ntp_checker.notes import NO_STAND_IN, NOTHING_TOLD, HandOver, StandIn
from ntp_checker.store.clock import read_clock
from ntp_checker.store.handover import settle_noted
from ntp_checker.store.heard import read_known
from ntp_checker.store.hosts import host_ids
from ntp_checker.store.partitions import create_days
from ntp_checker.store.pool import CheckerConnection, CheckerPool, store_errors
from ntp_checker.store.present import lock_leases, store_present
from ntp_checker.store.samples import StorableSample, insert_samples, mark_dirty
from ntp_checker.store.spool import Spool
from ntp_checker.store.spool_rows import SpoolRow

log = structlog.get_logger()

BATCH_ROWS = 1_000
#: Samples of one tick share a transaction; nobody sees a fifth of a second.
TICK_S = 0.2
BACKOFF_MIN_S = 0.2
BACKOFF_MAX_S = 5.0
#: A frozen server does not answer at all: then the connection is given up.
BATCH_TIMEOUT_S = 40.0
#: What is left of the spool when the checker is told to stop gets this long.
DRAIN_S = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRow:
    """A spooled sample, read back."""

    lease_epoch: int
    judged: JudgedSample


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one batch came to."""

    rows: int  #: that were new
    notifications: int  #: that are now to be sent
    known: Known | None = None  #: of alerts; None where nobody is to be told of any
    handed_over: Collection[UUID] = ()  #: noted transitions that the database has now


async def write_batch(
    conn: CheckerConnection,
    rows: Sequence[WriterRow],
    alerting: Alerting | None = None,
    handed: HandOver = NOTHING_TOLD,
) -> Written:
    """Stores these samples in one transaction.

    Afterwards each has its row and its marks for the rollups, and as far as it was taken under
    the present lease, alerts and notifications are as it makes them (without `alerting` they stay
    as they are), and what is true now is what each host's newest one says. What was told of these
    or earlier ones without the database is on record. Written again it changes nothing, so an
    answer that was lost is no harm. Raises PartitionMissing, StoreError and RowsRefused
    (one of them at least can never be stored); then nothing has changed.
    """
    known: Known | None = None
    advanced = Advanced()
    handed_over: set[UUID] = set()
    with store_errors():
        async with conn.transaction():
            ids = await host_ids(conn, (row.judged.sample.host for row in rows))
            try:
                new = await insert_samples(
                    conn,
                    [
                        StorableSample(
                            host_id=ids[row.judged.sample.host],
                            lease_epoch=row.lease_epoch,
                            judged=row.judged,
                        )
                        for row in rows
                    ],
                )
                await mark_dirty(conn, new)
                held = await lock_leases(conn, new)
                if alerting is not None:
                    advanced = await advance_alerts(conn, held, alerting, handed.decided)
                    handed_over = await settle_noted(conn, handed)
                    if alerting.routes:
                        first_at = min(row.judged.sample.slot_at for row in rows)
                        known = await read_known(conn, advanced.hosts, ids, first_at)
                await store_present(conn, held)
            except ValueError as err:
                # A value that no column can take is found before the server sees it.
                raise RowsRefused(str(err)) from err
    return Written(
        rows=len(new), notifications=advanced.notifications, known=known, handed_over=handed_over
    )


class Writer:
    """Empties a spool into PostgreSQL for as long as the checker runs.

    `alerting` is asked before each batch; `on_news` is called when there is something to be sent,
    `on_written` after each batch with its number of new rows, `on_failed` when the database
    did not take one. `stand_in` tells people while it is away, and steps back for each batch.
    """

    def __init__(
        self,
        spool: Spool,
        pool: CheckerPool,
        *,
        alerting: Callable[[], Alerting] = Alerting,
        on_news: Callable[[], None] = lambda: None,
        on_written: Callable[[int], None] = lambda _: None,
        on_failed: Callable[[], None] = lambda: None,
        stand_in: StandIn = NO_STAND_IN,
    ) -> None:
        self._spool = spool
        self._pool = pool
        self._alerting = alerting
        self._on_news = on_news
        self._stand_in = stand_in
        self._on_written = on_written
        self._on_failed = on_failed
        self._is_away = False
        self._handed = NOTHING_TOLD  #: what was told meanwhile, with the rows in hand
        self._written: list[Written] = []  #: what the rows in hand came to so far

    async def run(self, stop: asyncio.Event) -> None:
        """Returns DRAIN_S after `stop` at the latest; what is not stored then stays spooled."""
        writing = asyncio.create_task(self._write_until(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({writing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({writing}, timeout=DRAIN_S)
        finally:
            stopping.cancel()
            await _end(writing)
        if not writing.cancelled():
            writing.result()
        if self._spool.depth:
            log.warning("samples stay in the spool until the next start", waiting=self._spool.depth)

    async def write_once(self) -> int:
        """One batch from the spool; how many rows the spool is rid of.

        Raises StoreError if the database or the spool could not; the rows are then still there.
        """
        rows = await self._spool.read_uncommitted(BATCH_ROWS)
        if rows or self._stand_in.has_news:
            async with self._stand_in.stepping_back(self._ask) as handed:
                self._handed = handed or NOTHING_TOLD
                self._written.clear()
                async with self._connection() as conn:
                    await self._store(conn, rows)
                    if handed is not None and not self._written:
                        await self._hand_over(conn, handed)
                await self._spool.mark_committed(
                    [row.row_id for row in rows],
                    [one.known for one in self._written if one.known is not None],
                    None
                    if handed is None
                    else {event_id for one in self._written for event_id in one.handed_over},
                )
        return len(rows)

    async def _hand_over(self, conn: CheckerConnection, handed: HandOver) -> None:
        """What was told of samples that the database has by now."""
        async with conn.transaction():
            event_ids = await settle_noted(conn, handed)
        self._written.append(Written(rows=0, notifications=0, handed_over=event_ids))

    async def _ask(self) -> None:
        """Returns if the database answers. Raises StoreError."""
        async with self._connection() as conn:
            await read_clock(conn)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[CheckerConnection]:
        """For one batch. Raises StoreError for all the database has against it."""
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_S):
                with store_errors():
                    async with self._pool.connection() as conn:
                        yield conn
        except TimeoutError as err:
            raise StoreError(f"no answer within {BATCH_TIMEOUT_S:g} s") from err

    async def _write_until(self, stop: asyncio.Event) -> None:
        """Writes until `stop`, then what is left; a database that is away then ends it."""
        backoff_s = BACKOFF_MIN_S
        while self._spool.depth or not stop.is_set():
            written = 0
            try:
                if self._spool.depth or self._stand_in.has_news:
                    written = await self.write_once()
                    self._note_back()
                    backoff_s = BACKOFF_MIN_S
            except StoreError as err:
                self._note_away(err)
                if stop.is_set():
                    return
                await _pause(stop, backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                backoff_s = min(BACKOFF_MAX_S, backoff_s * 2)
                continue
            if written < BATCH_ROWS:
                await _pause(stop, TICK_S)

    async def _store(self, conn: CheckerConnection, rows: Sequence[SpoolRow]) -> None:
        """Stores spool rows, whatever is in them: afterwards each one's slot has its row."""
        readable = []
        for row in rows:
            try:
                readable.append((row, WriterRow(lease_epoch=row.lease_epoch, judged=row.read())))
            except ValueError as err:
                await self._reject(conn, row, str(err))
        await self._store_or_halve(conn, readable)

    async def _store_or_halve(
        self, conn: CheckerConnection, rows: Sequence[tuple[SpoolRow, WriterRow]]
    ) -> None:
        """Finds the rows that PostgreSQL refuses; all the others are stored."""
        if not rows:
            return
        try:
            await self._write_making_days(conn, [row for _, row in rows])
        except RowsRefused as err:
            if len(rows) == 1:
                await self._reject(conn, rows[0][0], str(err))
                return
            middle = len(rows) // 2
            await self._store_or_halve(conn, rows[:middle])
            await self._store_or_halve(conn, rows[middle:])

    async def _reject(self, conn: CheckerConnection, row: SpoolRow, reason: str) -> None:
        """The slot gets a `rejected` row; the payload goes aside."""
        log.error("sample rejected", host=row.host, slot_at=row.slot_at, reason=reason)
        await self._spool.set_aside([(row, reason)])
        refusal = empty_slot(row.host, row.slot_at, FailureKind.REJECTED, reason)
        try:
            await self._write_making_days(
                conn, [WriterRow(lease_epoch=row.lease_epoch, judged=refusal)]
            )
        except RowsRefused as err:
            log.error(  # noqa: TRY400 - the reason says all
                "slot has no row", host=row.host, slot_at=row.slot_at, reason=str(err)
            )

    async def _write_making_days(self, conn: CheckerConnection, rows: Sequence[WriterRow]) -> None:
        alerting = self._alerting()
        try:
            written = await write_batch(conn, rows, alerting, self._handed)
        except PartitionMissing:
            days = {row.judged.sample.slot_at.astimezone(UTC).date() for row in rows}
            log.info("partitions were missing", days=[str(day) for day in sorted(days)])
            await create_days(conn, days)
            written = await write_batch(conn, rows, alerting, self._handed)
        self._written.append(written)
        self._on_written(written.rows)
        if written.notifications:
            self._on_news()

    def _note_away(self, err: StoreError) -> None:
        self._on_failed()
        if not self._is_away:
            self._is_away = True
            log.warning("samples cannot be stored, they wait in the spool", reason=str(err))

    def _note_back(self) -> None:
        if self._is_away:
            self._is_away = False
            log.info("samples are stored again", waiting=self._spool.depth)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits this long, or until `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancels it. The second time psycopg stops being polite to a server that does not answer."""
    for _ in range(2):
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.25)
