"""What is kept of alerts that ended: they, what was told of them, silences and tokens. Async."""

from datetime import datetime, timedelta

import structlog

from ntp_checker.recurrence import is_over
from ntp_checker.store.arrays import integer_array
from ntp_checker.store.clock import read_clock
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

log = structlog.get_logger()

#: Rows of one transaction: what a batch locks, nobody waits for noticeably.
BATCH_ROWS = 1_000
#: In this order, for each is referred to by the one before it.
_OF_ALERT = ("notification", "alert_event", "alert")
_ALONE = ("message", "silence", "api_token")


async def prune_alerts(
    conn: CheckerConnection, *, archive_days: int, batch_rows: int = BATCH_ROWS
) -> dict[str, int]:
    """Deletes what ended longer ago; how many rows that were, by table.

    What is open or pending stays, with all that was told of it, and so do silences and tokens that
    still hold. `conn` is outside a transaction: each batch is one of its own. psycopg's errors
    pass through.
    """
    before_at = await read_clock(conn) - timedelta(days=archive_days)
    pruned = dict.fromkeys((*_OF_ALERT, *_ALONE), 0)
    while await _prune_batch(conn, before_at, batch_rows, pruned) == batch_rows:
        pass
    for table in _ALONE:
        rows = batch_rows
        while rows == batch_rows:
            deleted = await conn.execute(
                load_queries("alert_archive")[table], {"before_at": before_at, "limit": batch_rows}
            )
            rows = deleted.rowcount
            pruned[table] += rows
    pruned["silence"] += await _prune_recurring(conn, before_at)
    return pruned


async def _prune_batch(
    conn: CheckerConnection, before_at: datetime, batch_rows: int, pruned: dict[str, int]
) -> int:
    """How many alerts that were."""
    queries = load_queries("alert_archive")
    async with conn.transaction():
        found = await conn.execute(
            queries["old_alerts"], {"before_at": before_at, "limit": batch_rows}
        )
        alert_ids = [alert_id for (alert_id,) in await found.fetchall()]
        for table in _OF_ALERT if alert_ids else ():
            deleted = await conn.execute(queries[table], {"alert_ids": integer_array(alert_ids)})
            pruned[table] += deleted.rowcount
    return len(alert_ids)


async def _prune_recurring(conn: CheckerConnection, before_at: datetime) -> int:
    queries = load_queries("alert_archive")
    found = await conn.execute(queries["recurring"], {"before_at": before_at})
    over = []
    for silence_id, rule, zone, starts_at, ends_at in await found.fetchall():
        try:
            if is_over(rule, zone, starts_at, ends_at, before_at):
                over.append(silence_id)
        except ValueError as error:
            log.warning("silence not understood, kept", silence=silence_id, reason=str(error))
    if not over:
        return 0
    deleted = await conn.execute(queries["recurring_over"], {"silence_ids": integer_array(over)})
    return deleted.rowcount
