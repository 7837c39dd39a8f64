"""What is kept longer than samples: rollups, evidence, changes of sources. Async."""

from datetime import timedelta

from ntp_checker.store.clock import read_clock
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


async def prune_archive(conn: CheckerConnection, *, archive_days: int) -> dict[str, int]:
    """Deletes what is older; how many rows that were, by table.

    `conn` is outside a transaction: each table is pruned in its own. psycopg's errors pass through.
    """
    before_at = await read_clock(conn) - timedelta(days=archive_days)
    pruned = {}
    for table, statement in load_queries("archive").items():
        pruned[table] = (await conn.execute(statement, {"before_at": before_at})).rowcount
    return pruned
