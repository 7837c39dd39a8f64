"""Samples into `ntp_parent`, and marks for the rollups. Async; the caller owns the transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg.errors import UniqueViolation

from ntp_checker.model import JudgedSample
from ntp_checker.store.arrays import integer_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.store.sample_rows import copy_rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Width of the finest rollup; those of the others are multiples of it.
_BUCKET = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorableSample:
    """A judged sample on its way into the database."""

    host_id: int
    lease_epoch: int  #: of the lease under which it was taken
    judged: JudgedSample

    @property
    def slot_at(self) -> datetime:
        """The slot it belongs to."""
        return self.judged.sample.slot_at


async def insert_samples(
    conn: CheckerConnection, samples: Sequence[StorableSample]
) -> list[StorableSample]:
    """Those of `samples` that were not there yet, by host and then slot; afterwards all are there.

    A slot that has its row keeps it; of two for one slot the first is taken. Raises ValueError
    for a number that no column takes. psycopg's errors pass through.
    """
    given: dict[tuple[int, datetime], StorableSample] = {}
    for sample in samples:
        given.setdefault((sample.host_id, sample.slot_at), sample)
    # In one order for all, so that two writers never wait for each other.
    ordered = [given[key] for key in sorted(given)]
    rows = copy_rows((sample.host_id, sample.judged) for sample in ordered)
    try:
        async with conn.transaction():
            await _copy(conn, "copy_samples", rows)
    except UniqueViolation:
        are_new = await _insert_missing(conn, rows)
        return [sample for sample in ordered if (sample.host_id, sample.slot_at) in are_new]
    return ordered


async def _insert_missing(conn: CheckerConnection, rows: bytes) -> set[tuple[int, datetime]]:
    """Host and slot of those that were not there. Twice the work of a COPY, and rarely needed."""
    queries = load_queries("samples")
    await conn.execute(queries["make_batch"])
    await _copy(conn, "copy_batch", rows)
    inserted = await conn.execute(queries["insert_batch"])
    return {(host_id, slot_at) for host_id, slot_at in await inserted.fetchall()}


async def _copy(conn: CheckerConnection, query: str, rows: bytes) -> None:
    async with conn.cursor() as cursor, cursor.copy(load_queries("samples")[query]) as copy:
        await copy.write(rows)


async def mark_dirty(conn: CheckerConnection, samples: Iterable[StorableSample]) -> None:
    """Afterwards the rollups of these new samples' buckets are to be computed again."""
    await _mark(conn, {(sample.host_id, _bucket_of(sample.slot_at)) for sample in samples})


async def mark_spans(
    conn: CheckerConnection, spans: Iterable[tuple[int, datetime, datetime]]
) -> None:
    """The same for every bucket of these hosts from one moment to the other, both included."""
    await _mark(
        conn,
        {
            (host_id, bucket)
            for host_id, first_at, last_at in spans
            for bucket in range(_bucket_of(first_at), _bucket_of(last_at) + 1)
        },
    )


async def _mark(conn: CheckerConnection, marks: set[tuple[int, int]]) -> None:
    if marks:
        await conn.execute(
            load_queries("samples")["mark_dirty"],
            {
                "host_ids": integer_array(host_id for host_id, _ in marks),
                "buckets": integer_array(bucket for _, bucket in marks),
            },
        )


def _bucket_of(at: datetime) -> int:
    return (at - _EPOCH) // _BUCKET
