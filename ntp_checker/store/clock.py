"""The database's clock, which all replicas share. Async."""

from datetime import datetime

from ntp_checker.errors import StoreError
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


async def read_clock(conn: CheckerConnection) -> datetime:
    """Now, by the database; aware, UTC."""
    row = await (await conn.execute(load_queries("clock")["now"])).fetchone()
    if row is None:
        raise StoreError("the database told no time")
    now: datetime = row[0]
    return now
