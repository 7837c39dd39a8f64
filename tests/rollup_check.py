"""Rollups computed a second time, in Python from the raw rows, and compared with the tables."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Conn = psycopg.Connection[tuple[Any, ...]]
Bucket = dict[str, Any]

TIERS_S = {"rollup_5m": 300, "rollup_30m": 1800, "rollup_2h": 7200}
#: Sums of floats depend on their order, and some are kept as real: these may differ in the seventh
#: digit, in nothing else.
ROUNDED = (
    "offset_mean_s", "offset_m2_s2", "freq_mean_ppm", "satellites_used_mean", "error_bound_p50_s"
)  # fmt: skip
_RAW = """
SELECT host_id, slot_at, taken_at, status, system_offset_s, error_bound_s, freq_ppm, rms_offset_s,
       skew_ppm, source_std_dev_s, gps_mode, satellites_used, satellites_seen, hdop
  FROM metrics.ntp_parent WHERE slot_at > '2000-01-01'
"""


def differing_buckets(conn: Conn) -> list[tuple[str, int, int]]:
    """Table, host and start (epoch seconds) of every bucket that is not what its rows say."""
    with conn.cursor(row_factory=dict_row, binary=True) as cursor:
        raw = cursor.execute(_RAW).fetchall()
    return [
        (table, *key)
        for table, width_s in TIERS_S.items()
        for key in _differing(_stored(conn, table), _computed(raw, width_s))
    ]


def bucket_count(conn: Conn) -> int:
    """Buckets in all tiers, those of the fleet too."""
    return sum(len(_stored(conn, table)) for table in TIERS_S)


def _differing(
    stored: dict[tuple[int, int], Bucket], computed: dict[tuple[int, int], Bucket]
) -> list[tuple[int, int]]:
    return [
        key
        for key in sorted(stored.keys() | computed.keys())
        if key not in stored or key not in computed or not _is_same(stored[key], computed[key])
    ]


def _is_same(one: Bucket, other: Bucket) -> bool:
    assert one.keys() == other.keys()
    return all(
        math.isclose(value, other[name], rel_tol=1e-6, abs_tol=1e-24)
        if name in ROUNDED and value is not None and other[name] is not None
        else value == other[name]
        for name, value in one.items()
    )


def _stored(conn: Conn, table: str) -> dict[tuple[int, int], Bucket]:
    with conn.cursor(row_factory=dict_row, binary=True) as cursor:
        rows = cursor.execute(
            sql.SQL("SELECT * FROM {}").format(sql.Identifier("metrics", table))
        ).fetchall()
    return {(row.pop("host_id"), int(row.pop("bucket_at").timestamp())): row for row in rows}


def _computed(raw: Iterable[Bucket], width_s: int) -> dict[tuple[int, int], Bucket]:
    groups: dict[tuple[int, int], list[Bucket]] = defaultdict(list)
    for row in raw:
        at: datetime = row["slot_at"]
        bucket_s = int(at.astimezone(UTC).timestamp() // width_s * width_s)
        groups[row["host_id"], bucket_s].append(row)
        groups[0, bucket_s].append(row)
    return {key: _bucket(rows) for key, rows in groups.items()}


def _bucket(rows: list[Bucket]) -> Bucket:
    bounded = [row for row in rows if row["error_bound_s"] is not None]
    offsets = _values(bounded, "system_offset_s")
    mean_s = fmean(offsets) if offsets else None
    used = _values(rows, "satellites_used")
    freqs = _values(bounded, "freq_ppm")
    bounds = sorted(_values(rows, "error_bound_s"))
    return {
        "planned": len(rows),
        "looked": len(_values(rows, "taken_at")),
        "warning": sum(row["status"] == 1 for row in rows),
        "critical": sum(row["status"] == 2 for row in rows),
        "unknown": sum(row["status"] == 3 for row in rows),
        "no_fix": sum(row["gps_mode"] in (0, 1) for row in rows),
        "offset_n": len(offsets),
        "offset_mean_s": mean_s,
        "offset_m2_s2": _of(lambda xs: math.fsum((x - mean_s) ** 2 for x in xs), offsets),
        "offset_min_s": _of(min, offsets),
        "offset_max_s": _of(max, offsets),
        **{
            f"offset_p{percent:02}_s": _percentile(sorted(offsets), percent / 100)
            for percent in (1, 5, 50, 95, 99)
        },
        "freq_min_ppm": _of(min, freqs),
        "freq_mean_ppm": _of(fmean, freqs),
        "freq_max_ppm": _of(max, freqs),
        "rms_offset_max_s": _of(max, _values(bounded, "rms_offset_s")),
        "skew_max_ppm": _of(max, _values(bounded, "skew_ppm")),
        "source_std_dev_max_s": _of(max, _values(rows, "source_std_dev_s")),
        "error_bound_p50_s": _percentile(bounds, 0.5),
        "error_bound_max_s": _of(max, bounds),
        "satellites_used_mean": _of(fmean, used),
        "hdop_max": _of(max, _values(rows, "hdop")),
        "satellites_used_min": _of(min, used),
        "satellites_seen_min": _of(min, _values(rows, "satellites_seen")),
    }


def _values(rows: Iterable[Bucket], name: str) -> list[Any]:
    return [row[name] for row in rows if row[name] is not None]


def _of(figure: Callable[[list[Any]], Any], values: list[Any]) -> Any:
    return figure(values) if values else None


def _percentile(ordered: list[float], part: float) -> float | None:
    """As SQL's percentile_cont: linear between the two nearest."""
    if not ordered:
        return None
    place = part * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1) if place > low else low
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
