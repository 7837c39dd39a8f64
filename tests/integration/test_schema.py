"""schema.sql and the migrations, on a real server."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ntp_checker.embedded_binaries import wheel_bin_dirs
from ntp_checker.resources import sql_path
from ntp_checker.store.migrate import (
    connect,
    load_migrations,
    migrate,
    schema_status,
)
from tests.postgres import PostgresServer, without_times

SCHEMA = sql_path("schema.sql")
MakeDatabase = Callable[..., str]
Conn = psycopg.Connection[tuple[Any, ...]]


def test_schema_sql_when_run_twice_changes_nothing(postgres: PostgresServer, database: str) -> None:
    before = postgres.dump(database)

    again = postgres.psql(database, "-f", SCHEMA)

    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing to do" in again.stdout
    assert postgres.dump(database) == before


def test_schema_sql_when_run_by_two_at_once_is_applied_once(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    name = make_database()
    answers = []

    def apply() -> None:
        answers.append(postgres.psql(name, "-f", SCHEMA))

    threads = [threading.Thread(target=apply) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.returncode for answer in answers] == [0, 0, 0]
    assert sum("nothing to do" in answer.stdout for answer in answers) == 2


def test_migrations_on_an_empty_database_make_what_schema_sql_makes(
    postgres: PostgresServer, database: str, make_database: MakeDatabase
) -> None:
    migrated = make_database()

    with connect(postgres.url(migrated)) as conn:
        migrate(conn)

    assert without_times(postgres.dump(migrated)) == without_times(postgres.dump(database))


def test_schema_sql_over_an_older_version_refuses_and_names_the_command(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    newer = tmp_path / "schema.sql"
    version = len(load_migrations())
    text = SCHEMA.read_text()
    assert f"\\set schema_version {version}\n" in text
    newer.write_text(text.replace(f"schema_version {version}\n", f"schema_version {version + 1}\n"))
    before = postgres.dump(database)

    answer = postgres.psql(database, "-f", newer)

    assert answer.returncode == 3
    assert "ntp-checker db migrate" in answer.stderr
    assert postgres.dump(database) == before


def test_schema_sql_when_it_fails_midway_leaves_nothing(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    name = make_database()
    with connect(postgres.url(name)) as conn:
        conn.execute("CREATE SCHEMA metrics; CREATE TABLE metrics.alert (mine integer)")
    before = postgres.dump(name)

    answer = postgres.psql(name, "-v", "ON_ERROR_STOP=0", "-f", SCHEMA)

    assert answer.returncode == 3
    assert postgres.dump(name) == before


def test_schema_sql_on_a_database_that_is_not_utf8_refuses(postgres: PostgresServer) -> None:
    with connect(postgres.url()) as conn:
        conn.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")

    answer = postgres.psql("latin", "-f", SCHEMA)

    assert answer.returncode == 3
    assert "UTF8" in answer.stderr


def test_schema_on_each_wheel_of_postgres_is_the_same_in_words() -> None:
    wheels = wheel_bin_dirs()
    assert wheels, "the embedded wheel is part of the development environment"
    for bin_dir in wheels[:1]:
        server = PostgresServer(bin_dirs=[bin_dir])
        try:
            first = server.psql("postgres", "-f", SCHEMA)
            again = server.psql("postgres", "-f", SCHEMA)
            with connect(server.url()) as conn:
                is_current = schema_status(conn).is_current
        finally:
            server.stop()

        assert (first.returncode, first.stderr) == (0, "")
        assert "nothing to do" in again.stdout
        assert is_current


def test_schema_sql_records_the_checksums_of_the_migrations(conn: Conn) -> None:
    found = conn.execute("SELECT name, checksum FROM metrics.schema_migration").fetchall()

    assert found == [(m.name, m.checksum) for m in load_migrations()]


def test_every_table_column_and_function_has_a_comment(conn: Conn) -> None:
    bare = conn.execute(
        """
        SELECT c.relname || coalesce('.' || a.attname, '')
          FROM pg_class AS c
          LEFT JOIN pg_attribute AS a
            ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'metrics'::regnamespace AND c.relkind IN ('r', 'p', 'v')
           AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
         UNION ALL
        SELECT p.proname FROM pg_proc AS p
         WHERE p.pronamespace = 'metrics'::regnamespace
           AND obj_description(p.oid, 'pg_proc') IS NULL
        """
    ).fetchall()

    assert bare == []


def test_every_number_with_a_unit_names_it_in_its_comment(conn: Conn) -> None:
    words = {"_s": "second", "_ppm": "ppm", "_s2": "seconds squared"}
    columns = conn.execute(
        """
        SELECT a.attname, col_description(a.attrelid, a.attnum)
          FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'metrics'::regnamespace AND c.relkind IN ('r', 'p', 'v')
           AND a.attnum > 0 AND a.atttypid IN ('real'::regtype, 'double precision'::regtype)
        """
    ).fetchall()

    assert len(columns) > 50
    for name, comment in columns:
        word = words.get("_" + name.rsplit("_", 1)[-1])
        if word and not comment.startswith(("Mean of", "Median", "1st", "5th", "95th", "99th")):
            assert word in comment or "ppm" in comment, name


def test_security_definer_functions_pin_their_search_path(conn: Conn) -> None:
    settings = conn.execute(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE pronamespace = 'metrics'::regnamespace AND prosecdef"
    ).fetchall()

    assert len(settings) == 2
    for _, config in settings:
        assert "search_path=pg_catalog, pg_temp" in config


def test_separate_roles_can_do_their_work_and_no_more(
    postgres: PostgresServer, conn: Conn, database: str
) -> None:
    conn.execute("CREATE ROLE ntp_checker_writer LOGIN; CREATE ROLE ntp_checker_reader LOGIN")
    try:
        conn.execute("SELECT metrics.grant_access()")
        with connect(postgres.url(database, "ntp_checker_writer")) as writer:
            made = writer.execute("SELECT metrics.create_daily_partition('2030-01-01')").fetchone()
            writer.execute("INSERT INTO metrics.ntp_parent (host_id, slot_at, warning_bits,"
                           " critical_bits, status) VALUES (1, '2030-01-01Z', 0, 0, 0)")  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute("DROP TABLE metrics.ntp_20300101")
        with connect(postgres.url(database, "ntp_checker_reader")) as reader:
            seen = reader.execute(
                "SELECT count(*) FROM metrics.ntp WHERE slot_at = '2030-01-01Z'"
            ).fetchone()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("SELECT metrics.create_daily_partition('2030-01-02')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("DELETE FROM metrics.latest")
    finally:
        conn.execute("DROP OWNED BY ntp_checker_writer, ntp_checker_reader")
        conn.execute("DROP ROLE ntp_checker_writer; DROP ROLE ntp_checker_reader")

    assert made == (True,)
    assert seen == (0,)  # host 1 has no name here, but the view may be read


def test_single_role_with_nothing_but_a_schema_of_its_own_can_do_everything(
    postgres: PostgresServer, make_database: MakeDatabase
) -> None:
    name = make_database()
    with connect(postgres.url(name)) as admin:
        admin.execute("CREATE ROLE tenant LOGIN; CREATE SCHEMA metrics AUTHORIZATION tenant")
        try:
            applied = postgres.psql(name, "-f", SCHEMA, user="tenant")
            with connect(postgres.url(name, "tenant")) as tenant:
                is_current = schema_status(tenant).is_current
                outcomes = tenant.execute(
                    "SELECT outcome FROM metrics.maintain_partitions(90, 15)"
                ).fetchall()
        finally:
            admin.execute("DROP OWNED BY tenant")
            admin.execute("DROP ROLE tenant")

    assert (applied.returncode, applied.stderr) == (0, "")
    assert is_current
    assert outcomes[-1] == ("created",)
