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


async def lock_lease(conn: CheckerConnection, host_id: int, owner: str) -> int | None:
    """Epoch of this host's lease where `owner` has it, else None.

    Until the transaction's end nobody takes it.
    """
    found = await conn.execute(
        load_queries("leases")["lock_lease"], {"host_id": host_id, "owner": owner}
    )
    row = await found.fetchone()
    return None if row is None else row[0]


async def read_owners(conn: CheckerConnection) -> frozenset[str]:
    """Every checker that has a lease."""
    found = await conn.execute(load_queries("leases")["owners"])
    return frozenset(owner for (owner,) in await found.fetchall())
