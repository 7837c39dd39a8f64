"""Whether a database has this code's schema. Async: a checker under way waits for no thread."""

from ntp_checker.errors import StoreError
from ntp_checker.store.conninfo import AnyUrl, conninfo_for
from ntp_checker.store.migrate import (
    SchemaStatus,
    load_migrations,
    not_reached,
    status_of,
    status_without_ours,
)
from ntp_checker.store.pool import CheckerConnection, store_errors
from ntp_checker.store.queries import load_queries


async def check_schema(url: AnyUrl) -> None:
    """Over a connection of its own, whose error says why there is none; a pool's does not.

    Raises SchemaMismatch, naming the command to run, and StoreError without a database.
    """
    try:
        with store_errors():
            conn = await CheckerConnection.connect(
                conninfo_for(url, application_name="ntp-checker db"), autocommit=True
            )
    except StoreError as err:
        raise not_reached(err) from err
    async with conn:
        status = await _schema_status(conn)
    status.check()


async def _schema_status(conn: CheckerConnection) -> SchemaStatus:
    migrations, queries = load_migrations(), load_queries("migrate")
    with store_errors():
        if not await _one_value(conn, queries["is_installed"]):
            foreign_tables = await _one_value(conn, queries["foreign_tables"])
            return status_without_ours(foreign_tables, migrations)
        applied = await (await conn.execute(queries["applied"])).fetchall()
    return status_of(applied, migrations)


async def _one_value(conn: CheckerConnection, query: str) -> object:
    row = await (await conn.execute(query)).fetchone()
    if row is None:
        raise StoreError(f"no answer to: {query}")
    return row[0]
