"""Rollups of 5 minutes, 30 minutes and 2 hours, from the rows that they are about. Async.

A bucket is always computed whole, from all its rows, for each host and for the fleet (host 0), so
that its percentiles are exact and no order of events can leave it wrong. Which ones are to be
computed is told by the dirty logs, which every transaction that stores samples writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql

from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One width of buckets; they begin at multiples of it since 1970, UTC."""

    number: int
    width: timedelta
    table: str
    #: Buckets of single hosts that one run computes at most; some 200,000 rows at 30 s.
    max_buckets: int

    @property
    def name(self) -> str:
        """Its width in short, such as 5m."""
        return self.table.removeprefix("rollup_")

    @property
    def dirty_table(self) -> str:
        """Its dirty log."""
        return f"{self.table}_dirty"


TIER_5M = Tier(number=0, width=timedelta(minutes=5), table="rollup_5m", max_buckets=20_000)
TIER_30M = Tier(number=1, width=timedelta(minutes=30), table="rollup_30m", max_buckets=4_000)
TIER_2H = Tier(number=2, width=timedelta(hours=2), table="rollup_2h", max_buckets=1_000)
TIERS = (TIER_5M, TIER_30M, TIER_2H)

#: One of a host, or of the fleet: host and start, epoch seconds.
_Mark = tuple[int, int]


async def compute_dirty(conn: CheckerConnection, tier: Tier) -> bool:
    """Computes dirty buckets of this tier, the newest first; True if some are left.

    `conn` is outside a transaction. Afterwards the buckets whose marks it took are those of their
    rows. Buckets whose rows may be gone keep what was computed while they were there. While
    another checker is at it, it leaves all to that one. psycopg's errors pass through.
    """
    async with conn.transaction():
        locked = await _one(conn, _query("lock_tier", tier), {"tier": tier.number})
        if not locked:
            return False
        await conn.execute(_query("set_memory", tier))
        kept_from_s = float(await _one(conn, _query("read_retention", tier)))
        picked, has_more = await _pick_buckets(conn, tier)
        if not picked:
            return False
        taken = await conn.execute(
            _query("take_marks", tier),
            {"bucket_ats": text_array(bucket_at.isoformat() for bucket_at in picked)},
        )
        marks = {
            (host_id, bucket_s)
            for host_id, bucket_s in await taken.fetchall()
            if bucket_s >= kept_from_s
        }
        if marks:
            await _compute(conn, tier, marks)
    return has_more


async def _pick_buckets(conn: CheckerConnection, tier: Tier) -> tuple[list[datetime], bool]:
    """Starts of dirty buckets for one run, one at least if there is any; whether more are left."""
    found = await conn.execute(_query("pick_buckets", tier), {"limit": tier.max_buckets + 1})
    picked: list[datetime] = []
    marks = 0
    for bucket_at, of_bucket in await found.fetchall():
        if picked and marks + of_bucket > tier.max_buckets:
            return picked, True
        picked.append(bucket_at)
        marks += of_bucket
    return picked, False


async def _compute(conn: CheckerConnection, tier: Tier, marks: Iterable[_Mark]) -> None:
    ordered = sorted(marks)
    starts_s = sorted({bucket_s for _, bucket_s in ordered})
    bounds = {
        "width": tier.width,
        # Moments, not numbers, so that the planner can leave partitions out.
        "from_at": _moment(starts_s[0]),
        "to_at": _moment(starts_s[-1]) + tier.width,
    }
    await conn.execute(
        _query("compute_hosts", tier),
        {
            "host_ids": integer_array(host_id for host_id, _ in ordered),
            "bucket_ats": text_array(_moment(start_s).isoformat() for _, start_s in ordered),
            **bounds,
        },
    )
    all_hosts = await conn.execute(_query("host_ids", tier))
    await conn.execute(
        _query("compute_fleet", tier),
        {
            "host_ids": integer_array(host_id for (host_id,) in await all_hosts.fetchall()),
            "bucket_ats": text_array(_moment(start_s).isoformat() for start_s in starts_s),
            **bounds,
        },
    )


async def _one(
    conn: CheckerConnection, query: sql.Composed, parameters: Mapping[str, object] | None = None
) -> Any:  # noqa: ANN401 - whatever the statement's one column is
    row = await (await conn.execute(query, parameters)).fetchone()
    return None if row is None else row[0]


def _query(name: str, tier: Tier) -> sql.Composed:
    return sql.SQL(load_queries("rollups")[name]).format(
        rollup=sql.Identifier("metrics", tier.table),
        dirty=sql.Identifier("metrics", tier.dirty_table),
    )


def _moment(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
