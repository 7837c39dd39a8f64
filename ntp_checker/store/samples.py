"""Samples into `ntp_parent` and `latest`. Async; the caller owns the transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ntp_checker.codec import contract
from ntp_checker.model import GpsReport, JudgedSample, Severity, Source, SourceState, Tracking
from ntp_checker.store.codes import (
    FAILURE_KIND_NUMBER,
    GPS_MODE_NUMBER,
    LEAP_NUMBER,
    PART_NUMBER,
    STATUS_NUMBER,
    problem_bits,
)
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

_USABLE = frozenset({SourceState.SELECTED, SourceState.COMBINED, SourceState.SELECTABLE})

Row = tuple[Any, ...]


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

    A slot that has its row keeps it. psycopg's errors pass through.
    """
    queries = load_queries("samples")
    await conn.execute(queries["make_batch"])
    async with conn.cursor() as cursor:
        async with cursor.copy(queries["copy_batch"]) as copy:
            for sample in samples:
                await copy.write_row(_row(sample))
        await cursor.execute(queries["insert_batch"])
        new = set(await cursor.fetchall())
    kept: dict[tuple[int, datetime], StorableSample] = {}
    for sample in samples:
        key = (sample.host_id, sample.slot_at)
        if key in new:
            kept.setdefault(key, sample)
    return [kept[key] for key in sorted(kept)]


async def store_latest(conn: CheckerConnection, samples: Iterable[StorableSample]) -> None:
    """Afterwards `latest` has each host's newest of these, if it is newer than what it had.

    A sample taken under a lease that has been taken by another since leaves `latest` alone.
    """
    newest: dict[int, StorableSample] = {}
    for sample in samples:
        known = newest.get(sample.host_id)
        if known is None or known.slot_at < sample.slot_at:
            newest[sample.host_id] = sample
    if not newest:
        return
    # One JSON text: as arrays of texts, 1,000 of them took psycopg most of a second to quote.
    rows = orjson.dumps([_latest_row(sample) for sample in newest.values()]).decode()
    await conn.execute(load_queries("samples")["store_latest"], {"rows": rows})


def _latest_row(storable: StorableSample) -> dict[str, Any]:
    """The columns of `latest`: the sample's JSON without its long lists, and these beside it."""
    shown = contract(storable.judged)
    gps = shown["gps"]
    return {
        "host_id": storable.host_id,
        "status": STATUS_NUMBER[storable.judged.verdict.status],
        "slot_at": storable.slot_at,
        "lease_epoch": storable.lease_epoch,
        "sources": shown.pop("sources"),
        "satellites": None if gps is None else gps.pop("satellites"),
        "sample": shown,
    }


def _row(storable: StorableSample) -> Row:
    """The columns of `copy_batch`, in its order."""
    sample, verdict = storable.judged.sample, storable.judged.verdict
    problems = verdict.problems
    failure = sample.failures[0] if sample.failures else None
    return (
        storable.host_id,
        sample.slot_at,
        sample.taken_at,
        sample.duration_s,
        STATUS_NUMBER[verdict.status],
        problem_bits(p.code for p in problems if p.severity is Severity.WARNING),
        problem_bits(p.code for p in problems if p.severity is Severity.CRITICAL),
        None if failure is None else PART_NUMBER[failure.part],
        None if failure is None else FAILURE_KIND_NUMBER[failure.kind],
        *_tracking_columns(sample.tracking),
        verdict.error_bound_s,
        *_source_columns(sample.sources),
        *_gps_columns(sample.gps),
    )


def _tracking_columns(tracking: Tracking | None) -> Row:
    if tracking is None:
        return (None,) * 13
    return (
        LEAP_NUMBER[tracking.leap],
        tracking.stratum,
        int(tracking.refid, base=16),
        tracking.ref_time,
        tracking.system_offset_s,
        tracking.last_offset_s,
        tracking.rms_offset_s,
        tracking.freq_ppm,
        tracking.resid_freq_ppm,
        tracking.skew_ppm,
        tracking.root_delay_s,
        tracking.root_dispersion_s,
        tracking.update_interval_s,
    )


def _source_columns(sources: tuple[Source, ...] | None) -> Row:
    """Std dev of the selected one; how many in all, usable, reachable, falsetickers."""
    if sources is None:
        return (None,) * 5
    selected = next((s for s in sources if s.state is SourceState.SELECTED), None)
    return (
        None if selected is None else selected.std_dev_s,
        len(sources),
        sum(source.state in _USABLE for source in sources),
        sum(source.reach != 0 for source in sources),
        sum(source.state is SourceState.FALSETICKER for source in sources),
    )


def _gps_columns(report: GpsReport | None) -> Row:
    if report is None:
        return (None,) * 5
    return (
        GPS_MODE_NUMBER[report.mode],
        report.age_s,
        report.satellites_used,
        report.satellites_seen,
        report.hdop,
    )
