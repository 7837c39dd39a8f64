"""The pools: sessions as the rest expects them, and back soon after an outage."""

import asyncio
import time
from contextlib import closing

import psycopg
import pytest

from ntp_checker.errors import ConfigError, PartitionMissing, RowsRefused, StoreError
from ntp_checker.store.conninfo import conninfo_for
from ntp_checker.store.pool import (
    CheckerPool,
    open_checker_pool,
    open_reader_pool,
    store_errors,
)
from tests.postgres import PostgresServer


@pytest.mark.asyncio
async def test_checkers_session_is_in_utc_and_bounded(checker_pool: CheckerPool) -> None:
    async with checker_pool.connection() as conn:
        found = [
            (await (await conn.execute(f"SHOW {name}".encode())).fetchone() or ("",))[0]
            for name in ("timezone", "statement_timeout", "lock_timeout", "application_name")
        ]

    assert found == ["UTC", "30s", "10s", "ntp-checker"]


def test_readers_session_is_in_utc_and_cannot_write(database_url: str) -> None:
    with closing(open_reader_pool(database_url)) as pool, pool.connection() as conn:
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("DELETE FROM metrics.latest")


def test_options_of_the_url_are_kept_and_win() -> None:
    made = conninfo_for(
        "postgresql://u@h/d?options=-c%20search_path%3Dx&connect_timeout=9&application_name=mine",
        application_name="ntp-checker",
    )

    given = psycopg.conninfo.conninfo_to_dict(made)
    assert given["options"] == "-c timezone=UTC -c search_path=x"
    assert (given["connect_timeout"], given["application_name"]) == ("9", "mine")


@pytest.mark.parametrize("url", ["postgres//u:secret@h/d", "postgresql://u:se%cret@h/d", "secret"])
def test_url_that_is_none_names_the_setting_and_shows_no_secret(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
        conninfo_for(url, application_name="x")

    assert "secret" not in str(caught.value)


INSERT = (
    "INSERT INTO metrics.ntp_parent (host_id, slot_at, warning_bits, critical_bits, status)"
    " VALUES (1, {}, 0, 0, {})"
)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (INSERT.format("'2099-01-01Z'", 0), PartitionMissing),
        (INSERT.format("now()", 9), RowsRefused),
        (r"""SELECT '"\u0000"'::jsonb""", RowsRefused),
        ("SELECT 70000::smallint", RowsRefused),
        ("SELECT nothing", StoreError),
    ],
)
def test_error_of_the_database_becomes_its_kind_in_one_line(
    database_url: str, statement: str, kind: type[StoreError]
) -> None:
    with (
        psycopg.connect(database_url) as conn,
        pytest.raises(StoreError) as caught,
        store_errors(),
    ):
        conn.execute(statement.encode())

    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, psycopg.Error)


@pytest.mark.asyncio
async def test_pool_when_the_server_comes_back_has_a_connection_within_seconds(
    own_postgres: PostgresServer,
) -> None:
    pool = await open_checker_pool(own_postgres.url())
    try:
        async with pool.connection() as conn:
            await conn.execute("SELECT 1")
        own_postgres.kill()
        away_until_s = time.monotonic() + 10
        failures = 0
        while time.monotonic() < away_until_s:
            with pytest.raises(StoreError), store_errors():
                async with pool.connection(timeout=1.0) as conn:
                    await conn.execute("SELECT 1")
            failures += 1
        own_postgres.start()
        back_s = time.monotonic()
        while True:
            try:
                with store_errors():
                    async with pool.connection(timeout=1.0) as conn:
                        await conn.execute("SELECT 1")
                break
            except StoreError:
                assert time.monotonic() - back_s < 10
    finally:
        await pool.close()

    assert failures > 1
    assert time.monotonic() - back_s < 5


@pytest.mark.asyncio
async def test_statement_when_cancelled_then_its_connection_goes_on(
    checker_pool: CheckerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.store.pool.CANCEL_S", 30.0)  # a busy machine's
    async with checker_pool.connection() as conn:
        before = conn.info.backend_pid
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await conn.execute("SELECT pg_sleep(60)")
        found = await (await conn.execute("SELECT pg_backend_pid()")).fetchone()

    assert found == (before,)


@pytest.mark.asyncio
async def test_statement_when_cancelled_on_a_frozen_server_then_its_connection_is_closed(
    own_postgres: PostgresServer,
) -> None:
    pool = await open_checker_pool(own_postgres.url())
    try:
        async with pool.connection() as conn:
            own_postgres.freeze()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await conn.execute("SELECT 1")

            assert conn.closed
    finally:
        own_postgres.thaw()
        await pool.close()
