"""Rows for slots that nobody looked at. Async."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ntp_checker.model import FailureKind, Part, Status
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.codes import FAILURE_KIND_NUMBER, PART_NUMBER, STATUS_NUMBER
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.store.samples import mark_spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Slots of one host in a row that have no row."""

    host_id: int
    first_at: datetime
    last_at: datetime  #: included
    rows: int


async def last_known_slots(
    conn: CheckerConnection, befores: Mapping[int, datetime], longest: timedelta
) -> dict[int, datetime]:
    """Each host's newest slot with a row before that moment; without one there is no entry.

    It is the host's return to the settings instead, if that was later.
    """
    if not befores:
        return {}
    found = await conn.execute(
        load_queries("gaps")["last_known"],
        {
            "host_ids": integer_array(befores),
            "befores": text_array(at.isoformat() for at in befores.values()),
            "from_at": min(befores.values()) - longest,
            "to_at": max(befores.values()),
        },
    )
    return dict(await found.fetchall())


async def insert_missed(conn: CheckerConnection, gaps: Sequence[Gap], interval_s: float) -> None:
    """Afterwards each slot of these gaps has a row, `missed` where there was none.

    Nothing else is touched: no look is no news of a host.
    """
    async with conn.transaction():
        await conn.execute(
            load_queries("gaps")["insert_missed"],
            {
                "host_ids": integer_array(gap.host_id for gap in gaps),
                "firsts": text_array(gap.first_at.isoformat() for gap in gaps),
                "lasts": text_array(gap.last_at.isoformat() for gap in gaps),
                "interval_us": round(interval_s * 1_000_000),
                "status": STATUS_NUMBER[Status.UNKNOWN],
                "part": PART_NUMBER[Part.LOGIN],
                "kind": FAILURE_KIND_NUMBER[FailureKind.MISSED],
            },
        )
        await mark_spans(conn, [(gap.host_id, gap.first_at, gap.last_at) for gap in gaps])
