"""What the checker asks its database every few seconds, and when it does not answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from ntp_checker.errors import SchemaMismatch, StoreError
from ntp_checker.model import AlertState, Severity
from ntp_checker.resources import sql_path
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.vitals import ask_database
from tests.postgres import PostgresServer
from tests.stored_alerts import alert, save, tell, transition
from tests.stored_samples import Conn

pytestmark = pytest.mark.asyncio


async def test_outbox_when_something_is_due_then_counted_by_channel(
    checker_pool: CheckerPool,
) -> None:
    await tell(checker_pool, 2)
    waiting = (await ask_database(checker_pool)).waiting

    assert {channel: one.notifications for channel, one in waiting.items()} == {"mail": 2}
    assert waiting["mail"].oldest_age_s >= 0


async def test_outbox_when_nothing_is_due_then_no_channel_waits(
    checker_pool: CheckerPool,
) -> None:
    assert (await ask_database(checker_pool)).waiting == {}


async def test_alerts_when_open_then_counted_by_severity(checker_pool: CheckerPool) -> None:
    wrong, right = alert(), alert(subject="x", state=AlertState.PENDING, opened_at=None)
    async with checker_pool.connection() as conn:
        await save(conn, [wrong, right], [transition(wrong)])

    assert (await ask_database(checker_pool)).open_alerts == {Severity.CRITICAL: 1}


@pytest.mark.parametrize(("gone", "ahead"), [(1, 0), (5, 4), (14, 13), (15, 14)])
async def test_partitions_when_one_is_missing_then_counted_up_to_it(
    checker_pool: CheckerPool, conn: Conn, gone: int, ahead: int
) -> None:
    """The schema comes with 14 days ahead."""
    day = datetime.now(UTC).date() + timedelta(days=gone)
    table = sql.Identifier("metrics", f"ntp_{day:%Y%m%d}")
    conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))

    assert (await ask_database(checker_pool)).days_ahead == ahead


async def test_schema_when_newer_then_mismatch(checker_pool: CheckerPool, conn: Conn) -> None:
    conn.execute(
        "INSERT INTO metrics.schema_migration (version, name, checksum) VALUES (999, 'x', 'x')"
    )

    with pytest.raises(SchemaMismatch, match="999"):
        await ask_database(checker_pool)


async def test_schema_when_there_is_none_then_store_error(
    postgres: PostgresServer, make_database: Callable[..., str]
) -> None:
    pool = await open_checker_pool(postgres.url(make_database()))
    try:
        with pytest.raises(StoreError, match="schema_migration"):
            await ask_database(pool)
    finally:
        await pool.close()


async def test_database_when_frozen_then_given_up_and_back_when_it_is(
    own_postgres: PostgresServer,
) -> None:
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    pool = await open_checker_pool(own_postgres.url())
    try:
        await ask_database(pool)
        own_postgres.freeze()
        try:
            with pytest.raises(StoreError):
                await ask_database(pool)
        finally:
            own_postgres.thaw()

        assert (await ask_database(pool)).waiting == {}
    finally:
        await pool.close()
