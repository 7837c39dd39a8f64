"""Samples as rows of `ntp_parent`, in PostgreSQL's binary form of COPY. Pure.

Text costs three times as much on both sides: 33 numbers printed, quoted and read again.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ntp_checker.model import GpsReport, JudgedSample, Severity, Source, SourceState, Tracking
from ntp_checker.store.codes import (
    FAILURE_KIND_NUMBER,
    GPS_MODE_NUMBER,
    LEAP_NUMBER,
    PART_NUMBER,
    STATUS_NUMBER,
    problem_bits,
)

#: Column and its type, as `struct` writes it: i integer, q bigint or timestamptz, h smallint,
#: f real, d double precision.
_COLUMNS = (
    ("host_id", "i"),
    ("slot_at", "q"),
    ("taken_at", "q"),
    ("duration_s", "f"),
    ("status", "h"),
    ("warning_bits", "q"),
    ("critical_bits", "q"),
    ("failure_part", "h"),
    ("failure_kind", "h"),
    ("leap", "h"),
    ("stratum", "h"),
    ("refid", "q"),
    ("ref_time", "q"),
    ("system_offset_s", "d"),
    ("last_offset_s", "d"),
    ("rms_offset_s", "f"),
    ("freq_ppm", "f"),
    ("resid_freq_ppm", "f"),
    ("skew_ppm", "f"),
    ("root_delay_s", "f"),
    ("root_dispersion_s", "f"),
    ("update_interval_s", "f"),
    ("error_bound_s", "f"),
    ("source_std_dev_s", "f"),
    ("sources_total", "h"),
    ("sources_usable", "h"),
    ("sources_reachable", "h"),
    ("sources_falseticker", "h"),
    ("gps_mode", "h"),
    ("gps_age_s", "f"),
    ("satellites_used", "h"),
    ("satellites_seen", "h"),
    ("hdop", "f"),
)
COPY_COLUMNS = ", ".join(name for name, _ in _COLUMNS)

# Source: PostgreSQL's manual, COPY, "Binary Format": a signature, flags, no header extension.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
#: Times are microseconds since then.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_S = 86_400

_USABLE = frozenset({SourceState.SELECTED, SourceState.COMBINED, SourceState.SELECTABLE})

Row = tuple[Any, ...]


def copy_rows(samples: Iterable[tuple[int, JudgedSample]]) -> bytes:
    """All of a binary COPY with COPY_COLUMNS for these samples, each with its host's number.

    Raises ValueError for a number that its column cannot take.
    """
    return b"".join((_HEADER, *(_packed(_row(*sample)) for sample in samples), _TRAILER))


def _packed(row: Row) -> bytes:
    packing, template = _packing_for(tuple([value is None for value in row]))
    fields = template.copy()
    fields[2::2] = row if None not in row else [b"" if value is None else value for value in row]
    try:
        return packing.pack(*fields)
    except (struct.error, OverflowError) as err:
        found = dict(zip((name for name, _ in _COLUMNS), row, strict=True))
        raise ValueError(f"a number is too large for its column: {err}: {found}") from err


@cache
def _packing_for(is_null: tuple[bool, ...]) -> tuple[struct.Struct, list[Any]]:
    """How to pack a row with NULL in these columns, and what goes in, less the values.

    That is the number of columns, and before each value its length, which is -1 for NULL.
    """
    form, template = "!h", [len(_COLUMNS)]
    for (_, kind), has_none in zip(_COLUMNS, is_null, strict=True):
        form += "i0s" if has_none else f"i{kind}"
        template += (-1 if has_none else struct.calcsize(f"!{kind}"), 0)
    return struct.Struct(form), template


def _microseconds(at: datetime | None) -> int | None:
    if at is None:
        return None
    since = at - _EPOCH  # by its parts: a division takes twice as long
    return (since.days * _DAY_S + since.seconds) * 1_000_000 + since.microseconds


def _row(host_id: int, judged: JudgedSample) -> Row:
    """The values of _COLUMNS."""
    sample, verdict = judged.sample, judged.verdict
    problems = [judgement for judgement in verdict.judgements if judgement.severity]
    failure = sample.failures[0] if sample.failures else None
    return (
        host_id,
        _microseconds(sample.slot_at),
        _microseconds(sample.taken_at),
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
        _microseconds(tracking.ref_time),
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


def _source_columns(sources: Sequence[Source] | None) -> Row:
    """Std dev of the selected one; how many in all, usable, reachable, falsetickers."""
    if sources is None:
        return (None,) * 5
    std_dev_s = None
    usable = reachable = falsetickers = 0
    for source in sources:
        state = source.state
        usable += state in _USABLE
        reachable += source.reach != 0
        falsetickers += state is SourceState.FALSETICKER
        if state is SourceState.SELECTED and std_dev_s is None:
            std_dev_s = source.std_dev_s
    return std_dev_s, len(sources), usable, reachable, falsetickers


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
