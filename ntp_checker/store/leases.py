"""Who looks at which host. Async.

A lease's epoch grows whenever another owner takes it, and the SQL that changes what is true now
compares it: a checker that was paused and lost its hosts cannot write over its successor. An owner
is a data folder, whose lock one process holds: after a restart it is still the same.
"""

from collections.abc import Iterable

from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


async def take_all(conn: CheckerConnection, owner: str, host_ids: Iterable[int]) -> dict[int, int]:
    """Epoch by host; afterwards `owner` holds the lease of every one of them, without an end."""
    async with conn.transaction():
        taken = await conn.execute(
            load_queries("leases")["take_all"],
            {"owner": owner, "host_ids": sorted(set(host_ids))},
        )
        return dict(await taken.fetchall())
