"""What the database says of the installation: small questions, asked every few seconds. Async."""

from dataclasses import dataclass

from ntp_checker.errors import StoreError
from ntp_checker.model import Severity
from ntp_checker.store.migrate import known_migrations, status_of
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOn:
    """What is due on one channel and not sent."""

    channel: str
    notifications: int
    oldest_age_s: float


async def check_schema_version(conn: CheckerConnection) -> None:
    """Raises SchemaMismatch unless this code works on the schema."""
    applied = await (await conn.execute(load_queries("migrate")["applied"])).fetchall()
    status_of(applied, known_migrations()).check()


async def read_waiting(conn: CheckerConnection) -> list[WaitingOn]:
    """Each channel that has something to send."""
    found = await conn.execute(load_queries("vitals")["waiting"])
    return [
        WaitingOn(channel=channel, notifications=count, oldest_age_s=age_s)
        for channel, count, age_s in await found.fetchall()
    ]


async def read_open_alerts(conn: CheckerConnection) -> dict[Severity, int]:
    """How many alerts are open; a severity of which none is has no entry."""
    found = await conn.execute(load_queries("vitals")["open_alerts"])
    return {Severity(severity): count for severity, count in await found.fetchall()}


async def read_days_ahead(conn: CheckerConnection) -> int:
    """Days after today, in UTC, that have their partition, without a gap."""
    return await _number(conn, "days_ahead")


async def _number(conn: CheckerConnection, query: str) -> int:
    row = await (await conn.execute(load_queries("vitals")[query])).fetchone()
    if row is None:
        raise StoreError(f"no answer to {query}")
    return int(row[0])
