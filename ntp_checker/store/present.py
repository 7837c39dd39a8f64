"""What is true now: `latest`, `latest_raw`, `source_change`, `evidence`. Async.

All of it is for the holder of a host's lease only; the caller owns the transaction, in which
`lock_leases` comes first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ntp_checker.codec import contract
from ntp_checker.model import FailureKind, Part
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.codes import PART_NUMBER, STATUS_NUMBER
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.store.samples import StorableSample
from ntp_checker.store.source_changes import KnownSources, SourceChange, changes_between

#: What no look made says nothing of now.
_NOT_LOOKED = frozenset({FailureKind.MISSED, FailureKind.DROPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What `latest` has of one host."""

    slot_at: datetime
    known_sources: KnownSources | None  #: None before the first list


async def lock_leases(
    conn: CheckerConnection, samples: Iterable[StorableSample]
) -> list[StorableSample]:
    """Those of `samples` that were taken under their host's present lease.

    Until the transaction's end nobody takes these leases or writes under them.
    """
    given = list(samples)
    wanted = {(sample.host_id, sample.lease_epoch) for sample in given}
    if not wanted:
        return []
    epochs = dict(sorted(wanted))  # the highest of a host: an older one of it is no longer good
    locked = await conn.execute(
        load_queries("present")["lock_leases"],
        {
            "host_ids": integer_array(epochs),
            "epochs": integer_array(epochs.values()),
        },
    )
    held = {(host_id, epochs[host_id]) for (host_id,) in await locked.fetchall()}
    return [sample for sample in given if (sample.host_id, sample.lease_epoch) in held]


async def store_present(conn: CheckerConnection, samples: Iterable[StorableSample]) -> None:
    """Takes over what these samples say of now: new ones of locked leases, each host's in order.

    Afterwards `latest` and `latest_raw` have each host's newest, and `source_change` and
    `evidence` what changed on the way. Of a late sample nothing is taken.
    """
    by_host: dict[int, list[StorableSample]] = {}
    for sample in samples:
        if not any(failure.kind in _NOT_LOOKED for failure in sample.judged.sample.failures):
            by_host.setdefault(sample.host_id, []).append(sample)
    if not by_host:
        return
    present = await _read_present(conn, by_host)
    newest: list[tuple[StorableSample, KnownSources | None]] = []
    changes: list[dict[str, Any]] = []
    seen: list[StorableSample] = []
    for host_id, of_host in by_host.items():
        before = present.get(host_id)
        timely = [s for s in of_host if before is None or s.slot_at > before.slot_at]
        if not timely:
            continue
        known = before.known_sources if before is not None else None
        for sample in timely:
            found, known = changes_between(known, sample.judged.sample.sources)
            changes += (_change_row(sample, change) for change in found)
        newest.append((timely[-1], known))
        seen += timely
    if newest:
        await _store_latest(conn, newest)
    await _insert_if_any(conn, "insert_source_changes", changes)
    await _insert_if_any(conn, "store_raw", _raw_rows(seen))
    await _insert_if_any(conn, "insert_evidence", _evidence_rows(seen))


async def _read_present(conn: CheckerConnection, host_ids: Iterable[int]) -> Mapping[int, Present]:
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(
            load_queries("present")["read_present"], {"host_ids": integer_array(host_ids)}
        )
        return {
            host_id: Present(
                slot_at=slot_at,
                known_sources=None if known is None else KnownSources.from_text(known),
            )
            for host_id, slot_at, known in await cursor.fetchall()
        }


async def _store_latest(
    conn: CheckerConnection, newest: Sequence[tuple[StorableSample, KnownSources | None]]
) -> None:
    samples = [sample for sample, _ in newest]
    shown = [_latest_json(sample) for sample in samples]
    await conn.execute(
        load_queries("present")["store_latest"],
        {
            "host_ids": integer_array(sample.host_id for sample in samples),
            "statuses": integer_array(STATUS_NUMBER[s.judged.verdict.status] for s in samples),
            "slot_ats": text_array(sample.slot_at.isoformat() for sample in samples),
            "epochs": integer_array(sample.lease_epoch for sample in samples),
            "samples": text_array(sample for sample, _, _ in shown),
            "sources": text_array(sources for _, sources, _ in shown),
            "satellites": text_array(satellites for _, _, satellites in shown),
            "known_sources": text_array(
                None if known is None else known.as_text() for _, known in newest
            ),
        },
    )


async def _insert_if_any(
    conn: CheckerConnection, query: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    if rows:
        await conn.execute(load_queries("present")[query], {"rows": _json(rows)})


def _latest_json(storable: StorableSample) -> tuple[str, str | None, str | None]:
    """The sample as the API shows it, but for its long lists; the sources; the satellites."""
    shown = contract(storable.judged)
    gps = shown["gps"]
    sources = shown.pop("sources")
    satellites = None if gps is None else gps.pop("satellites")
    return (
        _json(shown),
        None if sources is None else _json(sources),
        None if satellites is None else _json(satellites),
    )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _change_row(storable: StorableSample, change: SourceChange) -> dict[str, Any]:
    return {
        "host_id": storable.host_id,
        "slot_at": storable.slot_at,
        "mode": change.mode,
        "address": change.address,
        "state": change.state,
        "reach": change.reach,
        "reach_class": change.reach_class,
        "stratum": change.stratum,
    }


def _raw_rows(samples: Iterable[StorableSample]) -> list[dict[str, Any]]:
    """Each host's newest raw text."""
    newest: dict[int, dict[str, Any]] = {}
    for sample in samples:
        raw = sample.judged.raw
        if raw is not None:
            newest[sample.host_id] = {
                "host_id": sample.host_id,
                "taken_at": raw.taken_at,
                "chrony_text": raw.chrony_text,
                "gps_text": raw.gps_text,
            }
    return list(newest.values())


def _evidence_rows(samples: Iterable[StorableSample]) -> list[dict[str, Any]]:
    """One per part of each text; a look without a login says why."""
    rows: list[dict[str, Any]] = []
    for sample in samples:
        for evidence in sample.judged.evidence:
            texts = (
                (Part.LOGIN, evidence.login_text),
                (Part.TRACKING, evidence.raw and evidence.raw.chrony_text),
                (Part.GPS, evidence.raw and evidence.raw.gps_text),
            )
            rows += (
                {
                    "host_id": sample.host_id,
                    "slot_at": evidence.slot_at,
                    "part": PART_NUMBER[part],
                    "taken_at": evidence.taken_at,
                    "raw_text": text,
                }
                for part, text in texts
                if text is not None
            )
    return rows
