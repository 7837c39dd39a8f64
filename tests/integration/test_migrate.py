"""Migrations, and what the start makes of a database's version."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ntp_checker.errors import SchemaMismatch, StoreError
from ntp_checker.resources import sql_path
from ntp_checker.store.migrate import (
    Migration,
    connect,
    init_or_check,
    load_migrations,
    migrate,
    schema_status,
)
from tests.postgres import PostgresServer
from tests.rig.processes import wait_until

SCHEMA = sql_path("schema.sql")
MakeDatabase = Callable[..., str]
Conn = psycopg.Connection[tuple[Any, ...]]


def test_migrate_when_it_was_cut_off_goes_on_where_it_ended(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    ours = load_migrations()
    second = Migration(
        version=len(ours) + 1, name="second", sql="CREATE TABLE metrics.more ();", checksum="2"
    )
    third = Migration(version=len(ours) + 2, name="third", sql="SELECT 1/0;", checksum="3")
    migrations = [*ours, second, third]
    with connect(postgres.url(make_database())) as conn:
        with pytest.raises(StoreError, match="division by zero"):
            migrate(conn, migrations)
        status = schema_status(conn, migrations)

        applied = migrate(conn, [*migrations[:-1], replace(third, sql="SELECT 1;")])

    assert (status.version, applied) == (len(ours) + 1, ["third"])


def test_migrate_when_two_run_at_once_applies_each_migration_once(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    url = postgres.url(make_database())
    applied: list[str] = []

    def run() -> None:
        with connect(url) as conn:
            applied.extend(migrate(conn))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert applied == [m.name for m in load_migrations()]


def test_migrate_when_another_is_under_way_waits_longer_than_any_limit(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    url = postgres.url(make_database())
    applied: list[str] = []

    def run() -> None:
        with connect(
            f"{url}&options=-c%20lock_timeout%3D10ms%20-c%20statement_timeout%3D10ms"
        ) as conn:
            applied.extend(migrate(conn))

    def waits(conn: Conn) -> bool:
        return bool(
            conn.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
                " AND datname = current_database() AND clock_timestamp() - query_start > '0.5 s'"
            ).fetchone()
        )

    with psycopg.connect(url, autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(x'6e74705f73636865'::bigint)")
        second = threading.Thread(target=run)
        second.start()
        wait_until(lambda: waits(first), "it waits", timeout_s=30)
        before = list(applied)
        first.execute("SELECT pg_advisory_unlock_all()")
        second.join()

    assert before == []
    assert applied == [m.name for m in load_migrations()]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM metrics.schema_migration", "psql -f schema.sql"),
        ("UPDATE metrics.schema_migration SET checksum = 'x'", "not this release's"),
        (
            "INSERT INTO metrics.schema_migration VALUES (999, 'future', now(), 'y')",
            "newer release",
        ),
    ],
)
def test_check_of_another_schema_refuses_and_says_what_to_do(
    conn: Conn, database_url: str, change: str, said: str
) -> None:
    conn.execute(change.encode())

    with pytest.raises(SchemaMismatch, match=said):
        init_or_check(database_url, initialise=False)


def test_check_of_an_older_schema_names_db_migrate(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = load_migrations()
    newer = [*ours, Migration(version=len(ours) + 1, name="more", sql="", checksum="")]
    monkeypatch.setattr("ntp_checker.store.migrate.load_migrations", lambda: newer)

    with pytest.raises(SchemaMismatch, match="ntp-checker db migrate"):
        init_or_check(database_url, initialise=False)


def _added(serves_from: int | None) -> list[Migration]:
    """Our migrations, and one of a later release that only adds."""
    ours = load_migrations()
    return [
        *ours,
        Migration(
            version=len(ours) + 1,
            name="added",
            sql="ALTER TABLE metrics.host ADD COLUMN more text",
            checksum="x",
            serves_from=serves_from,
        ),
    ]


def test_check_of_a_newer_schema_that_serves_us_lets_us_go_on(
    conn: Conn, database_url: str
) -> None:
    migrate(conn, _added(len(load_migrations())))

    init_or_check(database_url, initialise=False)
    again = migrate(conn)
    status = schema_status(conn)

    assert again == []
    assert (status.serves, status.is_current) == (True, False)


@pytest.mark.parametrize("serves_from", [None, len(load_migrations()) + 1])
def test_check_of_a_newer_schema_that_serves_others_refuses(
    conn: Conn, database_url: str, serves_from: int | None
) -> None:
    migrate(conn, _added(serves_from))

    with pytest.raises(SchemaMismatch, match="newer release"):
        init_or_check(database_url, initialise=False)
    with pytest.raises(SchemaMismatch, match="newer release"):
        migrate(conn)


def test_migration_file_when_it_says_whom_it_serves_then_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("-- 0001 one: all.\nSELECT 1;\n")
    (tmp_path / "0002_two.sql").write_text("-- 0002 two: more.\n-- serves_from: 1\nSELECT 1;\n")

    assert [one.serves_from for one in load_migrations(tmp_path)] == [None, 1]


def test_check_of_an_empty_database_fills_it_only_when_told(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    url = postgres.url(make_database())
    with pytest.raises(SchemaMismatch, match="ntp-checker db init"):
        init_or_check(url, initialise=False)

    init_or_check(url, initialise=True)

    init_or_check(url, initialise=False)


def test_check_of_somebody_elses_schema_refuses(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    url = postgres.url(make_database())
    with connect(url) as conn:
        conn.execute("CREATE SCHEMA metrics; CREATE TABLE metrics.theirs ()")

    with pytest.raises(SchemaMismatch, match="did not make"):
        init_or_check(url, initialise=True)


def test_check_without_a_server_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        init_or_check(f"postgresql://u@/x?host={tmp_path}", initialise=False)

    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_migration_files_are_unchanged_since_they_were_recorded() -> None:
    for path in sorted(sql_path("migrations").glob("*.sql")):
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        assert checksum in SCHEMA.read_text(), (
            f"schema.sql must carry {path.name} and record its checksum {checksum}"
        )
