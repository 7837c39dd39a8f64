"""What waits in the outbox for one moment, to share a message then. Async."""

from datetime import datetime

from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


async def read_window(
    conn: CheckerConnection, group_key: str, *, at: datetime, latest_at: datetime
) -> datetime | None:
    """Until when those of this key wait for each other; None if none waits for such a moment."""
    found = await conn.execute(
        load_queries("holds")["window_of"],
        {"group_key": group_key, "at": at, "latest_at": latest_at},
    )
    row = await found.fetchone()
    return None if row is None else row[0]


async def settle_held(conn: CheckerConnection, group_key: str, reason: str) -> tuple[int, int]:
    """What of this key waits for its moment goes now, unless its alert is closed.

    How many go, and how many are suppressed, for this reason. The caller owns the transaction.
    """
    queries = load_queries("holds")
    suppressed = await conn.execute(
        queries["suppress_held"], {"group_key": group_key, "reason": reason}
    )
    released = await conn.execute(queries["release_held"], {"group_key": group_key})
    return released.rowcount, suppressed.rowcount
