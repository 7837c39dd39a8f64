"""Daily partitions of the samples. Async."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ntp_checker.errors import StoreError
from ntp_checker.store.pool import CheckerConnection, store_errors
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionOutcome:
    """What maintenance did with one partition."""

    partition: str  #: ntp_YYYYMMDD
    action: str  #: create or drop
    outcome: str  #: created, present, dropped, busy, or "failed: " and why


async def create_days(conn: CheckerConnection, days: Iterable[date]) -> None:
    """Afterwards each of these UTC days has its partition. Raises StoreError if one can't be."""
    with store_errors():
        for day in sorted(set(days)):
            await conn.execute(load_queries("partitions")["create_day"], {"day": day})


async def days_ready(conn: CheckerConnection) -> tuple[date, frozenset[date]]:
    """Today (UTC, by the database's clock), and the days from it on that have their partition."""
    found = await conn.execute(load_queries("partitions")["days_ready"])
    row = await found.fetchone()
    if row is None:
        raise StoreError("the database told no day")
    today, days = row
    return today, frozenset(days)


async def maintain(
    conn: CheckerConnection, *, retention_days: int, premake_days: int
) -> list[PartitionOutcome]:
    """Makes partitions ahead, drops those past retention; a busy one is an outcome.

    `conn` must be outside a transaction: the locks of the drops last until its end.
    Raises StoreError for arguments out of range and without a database.
    """
    with store_errors():
        found = await conn.execute(
            load_queries("partitions")["maintain"],
            {"retention_days": retention_days, "premake_days": premake_days},
        )
        return [
            PartitionOutcome(partition=partition, action=action, outcome=outcome)
            for partition, action, outcome in await found.fetchall()
        ]
