"""Slots that nobody looked at: each gets a row that says `missed`, the last 24 hours at most."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import FailureKind
from ntp_checker.schedule import Slots
from ntp_checker.store.gaps import Gap, insert_missed, last_known_slots
from ntp_checker.store.partitions import create_days
from ntp_checker.store.pool import CheckerPool, store_errors
from ntp_checker.store.spool import Spool

log = structlog.get_logger()

#: What is older than this stays a hole.
LONGEST_GAP = timedelta(hours=24)
#: Rows of one transaction and of one commit of the spool: what a gap takes of memory.
CHUNK_ROWS = 10_000
SPOOL_ROWS = 500
_NOT_IN_TIME = "the checker was not in time"


@dataclass(slots=True)
class _HostLog:
    interval_s: float
    slots: Slots
    first_at: datetime  #: what came before is not this run's
    last_at: datetime  #: the last one seen to


class SlotLog:
    """Which slots this run has seen to, host by host."""

    def __init__(self) -> None:
        self._hosts: dict[str, _HostLog] = {}

    def begin(self, host: str, interval_s: float, slot_at: datetime) -> list[datetime]:
        """A look at this slot begins. Slots since the last one that was seen to, 24 h at most.

        None where the rhythm is a new one.
        """
        known = self._hosts.get(host)
        if known is None or known.interval_s != interval_s:
            self._open(host, interval_s, slot_at)
            return []
        missed = []
        at = known.slots.after(max(known.last_at, slot_at - LONGEST_GAP))
        while at < slot_at:
            missed.append(at)
            at = known.slots.after(at)
        return missed

    def note(self, host: str, slot_at: datetime) -> None:
        """This slot has its row in the spool."""
        known = self._hosts.get(host)
        if known is not None:  # it may have left while it was looked at
            known.last_at = max(known.last_at, slot_at)

    def first_of(self, host: str, interval_s: float, now: datetime) -> datetime:
        """The first slot that is this run's own: the one that `now` is in, if it was asked first."""
        known = self._hosts.get(host)
        if known is None:
            known = self._open(host, interval_s, Slots(host, interval_s).current(now))
        return known.first_at

    def begin_anew(self, host: str) -> None:
        """Nothing was ever known of this host: what comes before its first look is not missed."""
        known = self._hosts.get(host)
        if known is not None:
            known.last_at = max(known.last_at, known.first_at)

    def _open(self, host: str, interval_s: float, first_at: datetime) -> _HostLog:
        opened = _HostLog(
            interval_s=interval_s,
            slots=Slots(host, interval_s),
            first_at=first_at,
            last_at=first_at - timedelta(seconds=interval_s),
        )
        self._hosts[host] = opened
        return opened

    def forget(self, host: str) -> None:
        """Drops what is known of a host that is no longer watched."""
        self._hosts.pop(host, None)


async def spool_missed(
    spool: Spool, host: str, slots: Sequence[datetime], lease_epoch: int
) -> None:
    """Afterwards each of these slots has its row in the spool. Raises StoreError."""
    for start in range(0, len(slots), SPOOL_ROWS):
        rows = [
            empty_slot(host, at, FailureKind.MISSED, _NOT_IN_TIME)
            for at in slots[start : start + SPOOL_ROWS]
        ]
        await spool.append_all(rows, lease_epoch)
    if slots:
        log.warning("slots missed", host=host, slots=len(slots))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was done about the slots before this run."""

    slots: int
    new_hosts: frozenset[str]  #: neither database nor spool has ever seen them


async def fill_since_last_run(
    pool: CheckerPool,
    spool: Spool,
    hosts: Mapping[str, int],
    *,
    interval_s: float,
    until: Mapping[str, datetime],
) -> Filled:
    """Rows for what nobody looked at before `until`, each host's first slot of this run.

    `hosts` is each one's number by name. They begin after the newest slot that the database or
    the spool has. Raises StoreError.
    """
    spooled = await spool.newest_before(until)
    with store_errors():
        async with pool.connection() as conn:
            stored = await last_known_slots(
                conn, {hosts[name]: at for name, at in until.items()}, LONGEST_GAP
            )
    gaps: list[Gap] = []
    new_hosts = set()
    for name, until_at in until.items():
        known = [at for at in (stored.get(hosts[name]), spooled.get(name)) if at is not None]
        if known:
            after_at = max(*known, until_at - LONGEST_GAP)
            gaps += _gaps_of(hosts[name], Slots(name, interval_s), after_at, until_at, interval_s)
        else:
            new_hosts.add(name)
    missed = 0
    for chunk in _in_chunks(gaps):
        with store_errors():
            async with pool.connection() as conn:
                days = {
                    at.astimezone(UTC).date() for gap in chunk for at in (gap.first_at, gap.last_at)
                }
                await create_days(conn, days)
                await insert_missed(conn, chunk, interval_s)
        missed += sum(gap.rows for gap in chunk)
    if missed:
        log.warning("nobody looked while no checker was running", slots=missed, hosts=len(until))
    return Filled(slots=missed, new_hosts=frozenset(new_hosts))


def _gaps_of(
    host_id: int, slots: Slots, after_at: datetime, until_at: datetime, interval_s: float
) -> Iterator[Gap]:
    """The slots between the two moments, neither included, in pieces of CHUNK_ROWS and one day."""
    step = timedelta(microseconds=round(interval_s * 1_000_000))
    first_at = slots.after(after_at)
    while first_at < until_at:
        rows = min(CHUNK_ROWS, -((first_at - until_at) // step))
        last_at = first_at + (rows - 1) * step
        yield Gap(host_id=host_id, first_at=first_at, last_at=last_at, rows=rows)
        first_at = last_at + step


def _in_chunks(gaps: Iterable[Gap]) -> Iterator[list[Gap]]:
    chunk: list[Gap] = []
    rows = 0
    for gap in gaps:
        if chunk and rows + gap.rows > CHUNK_ROWS:
            yield chunk
            chunk, rows = [], 0
        chunk.append(gap)
        rows += gap.rows
    if chunk:
        yield chunk
