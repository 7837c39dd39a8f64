"""Offsets over time, from the rollups where they have the buckets, else from the rows. Sync.

A bucket that is marked as dirty, or that no rollup has, is computed from its rows at once. So what
is read is exact whether the rollups are current, behind, or not there yet. The order of the reads
makes it so: marks, then rollups, then rows. What has no mark at first is right in the rollups, then
and later; what had one is read from its rows.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from ntp_checker.store.arrays import integer_array
from ntp_checker.store.pool import ReaderConnection
from ntp_checker.store.queries import load_queries

#: Rollups by the width of their buckets, seconds; the widest last.
_TABLES = {300: "rollup_5m", 1800: "rollup_30m", 7200: "rollup_2h"}
_FINEST_ROLLUP_S = min(_TABLES)
#: Wider buckets than the widest rollup's have no percentiles, which do not merge. Up to this span
#: they are computed from rows, which takes the fleet of 100 hosts some three seconds.
_WIDE_FROM_ROWS_S = 14 * 86_400
#: Ranges of missing buckets that are read on their own; the nearest are joined beyond that.
_MAX_SPANS = 8
_FLEET_ID = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A range of time in whole buckets that begin at multiples of `resolution_s` of the epoch."""

    from_s: int  #: epoch seconds, included
    to_s: int  #: epoch seconds, not included
    resolution_s: int

    @property
    def buckets(self) -> int:
        """How many buckets the window has."""
        return (self.to_s - self.from_s) // self.resolution_s


@dataclass(slots=True, kw_only=True)
class OffsetSeries:
    """Offsets of one host, or of the fleet, in columns of equal length; ns, positive = ahead.

    None in a bucket without readings (`n` is 0 there), for the deviation of a single reading, and
    for percentiles of buckets over two hours that were merged of smaller ones.
    """

    host: str | None  #: None = the fleet
    t: list[int]  #: start of each bucket, epoch seconds
    n: list[int] = field(default_factory=list)
    mean: list[int | None] = field(default_factory=list)
    min: list[int | None] = field(default_factory=list)
    max: list[int | None] = field(default_factory=list)
    stddev: list[int | None] = field(default_factory=list)
    p01: list[int | None] = field(default_factory=list)
    p05: list[int | None] = field(default_factory=list)
    p50: list[int | None] = field(default_factory=list)
    p95: list[int | None] = field(default_factory=list)
    p99: list[int | None] = field(default_factory=list)


#: the columns in the order of the statements' results, after host_id, bucket and count
_FIGURES = ("mean", "min", "max", "stddev", "p01", "p05", "p50", "p95", "p99")


def finest_resolution_s(connection: ReaderConnection, from_at: datetime) -> int:
    """The narrowest buckets there can be from this moment on, seconds; 0 where rows are kept."""
    return 0 if from_at.timestamp() >= _kept_from_s(connection) else _FINEST_ROLLUP_S


def read_offsets(
    connection: ReaderConnection, window: Window, hosts: Sequence[tuple[int, str]]
) -> list[OffsetSeries]:
    """One series per (number, name) of `hosts`, in their order; without hosts the fleet's own.

    All figures are exact, percentiles too: those that could not be are None.
    """
    names: dict[int, str | None] = dict(hosts) if hosts else {_FLEET_ID: None}
    reading = _Reading(
        connection=connection,
        window=window,
        series={host_id: _empty_series(name, window) for host_id, name in names.items()},
    )
    kept_from_s = _kept_from_s(connection)
    width_s = _rollup_width_s(window, kept_from_s)
    if width_s is None:
        reading.take_rows([(window.from_s, window.to_s)])
    else:
        missing = reading.take_rollups(width_s)
        reading.take_rows(_spans(window, missing, kept_from_s))
    return [reading.series[host_id] for host_id in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One answer being put together."""

    connection: ReaderConnection
    window: Window
    series: dict[int, OffsetSeries]  #: by the host's number; 0 = the fleet

    @property
    def _is_of_fleet(self) -> bool:
        return _FLEET_ID in self.series

    @property
    def _bounds(self) -> dict[str, object]:
        # Moments, not numbers, so that the planner can leave partitions out.
        return {
            "from_at": _moment(self.window.from_s),
            "to_at": _moment(self.window.to_s),
            "host_ids": list(self.series),
            "resolution_s": self.window.resolution_s,
        }

    def take_rollups(self, width_s: int) -> set[int]:
        """Fills in the buckets that rollups have; numbers of those not complete for every host."""
        table = _TABLES[width_s]
        dirty = self.connection.execute(
            _query("dirty_of_fleet" if self._is_of_fleet else "dirty_of_hosts", table),
            self._bounds,
        ).fetchall()
        parts = self.window.resolution_s // width_s
        rows = self.connection.execute(
            _query("rolled" if parts == 1 else "merged", table), self._bounds
        ).fetchall()
        self._fill(row[:12] for row in rows)
        complete: dict[int, set[int]] = {host_id: set() for host_id in self.series}
        for host_id, bucket_s, *figures in rows:
            if parts == 1 or figures[-1] == parts:
                complete[host_id].add(self._place(bucket_s))
        for host_id, bucket_s in dirty:
            complete[host_id].discard(self._place(bucket_s))
        missing: set[int] = set()
        for of_host in complete.values():
            missing.update(set(range(self.window.buckets)) - of_host)
        return missing

    def take_rows(self, spans: Sequence[tuple[int, int]]) -> None:
        """Fills in the buckets of these spans (epoch seconds) from their rows."""
        host_ids: Iterable[int] = self.series
        if self._is_of_fleet and spans:
            host_ids = [row[0] for row in self.connection.execute(_query("host_ids"))]
        query = _query("raw_of_fleet" if self._is_of_fleet else "raw_of_hosts")
        for from_s, to_s in spans:  # each for itself, so that the planner knows its partitions
            bounds = {
                "from_at": _moment(from_s),
                "to_at": _moment(to_s),
                "host_ids": integer_array(host_ids),
                "resolution_s": self.window.resolution_s,
            }
            self._fill(self.connection.execute(query, bounds))

    def _fill(self, rows: Iterable[Sequence[Any]]) -> None:
        for host_id, bucket_s, readings, *figures in rows:
            one = self.series[host_id]
            at = self._place(bucket_s)
            one.n[at] = readings
            for column, figure in zip(_FIGURES, figures, strict=True):
                getattr(one, column)[at] = figure

    def _place(self, bucket_s: int) -> int:
        return (bucket_s - self.window.from_s) // self.window.resolution_s


def _rollup_width_s(window: Window, kept_from_s: float) -> int | None:
    """The widest rollup that divides the window's buckets; None where the rows are to be read."""
    widths_s = [width_s for width_s in _TABLES if window.resolution_s % width_s == 0]
    if not widths_s:
        return None
    is_wide = widths_s[-1] < window.resolution_s
    span_s = window.to_s - window.from_s
    if is_wide and span_s <= _WIDE_FROM_ROWS_S and window.from_s >= kept_from_s:
        return None
    return widths_s[-1]


def _spans(window: Window, places: Collection[int], kept_from_s: float) -> list[tuple[int, int]]:
    """Ranges of epoch seconds that cover these buckets, as far as all their rows are kept."""
    spans: list[tuple[int, int]] = []
    for place in sorted(places):
        from_s = window.from_s + place * window.resolution_s
        if from_s < kept_from_s:
            continue
        if spans and spans[-1][1] == from_s:
            from_s = spans.pop()[0]
        spans.append((from_s, window.from_s + (place + 1) * window.resolution_s))
    while len(spans) > _MAX_SPANS:
        nearest = min(range(1, len(spans)), key=lambda at: spans[at][0] - spans[at - 1][1])
        spans[nearest - 1 : nearest + 1] = [(spans[nearest - 1][0], spans[nearest][1])]
    return spans


def _kept_from_s(connection: ReaderConnection) -> float:
    """Epoch seconds from which on all rows are there; minus infinity if none was ever dropped."""
    row = connection.execute(_query("kept_from")).fetchone()
    return float("-inf") if row is None else float(row[0])


def _empty_series(name: str | None, window: Window) -> OffsetSeries:
    one = OffsetSeries(host=name, t=list(range(window.from_s, window.to_s, window.resolution_s)))
    one.n = [0] * window.buckets
    for column in _FIGURES:
        setattr(one, column, [None] * window.buckets)
    return one


def _moment(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def _query(name: str, table: str = "rollup_5m") -> sql.Composed:
    return sql.SQL(load_queries("offsets")[name]).format(
        rollup=sql.Identifier("metrics", table),
        dirty=sql.Identifier("metrics", f"{table}_dirty"),
    )
