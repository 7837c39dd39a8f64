"""What docs/operations.md says of backup and restore, done."""

from collections.abc import Callable
from pathlib import Path

import psycopg

from ntp_checker.store.migrate import connect, schema_status
from tests.fleet_rows import FleetHost, add_host
from tests.postgres import PostgresServer


def test_dump_when_restored_into_an_empty_database_then_the_same_and_of_this_release(
    postgres: PostgresServer, database: str, make_database: Callable[..., str], tmp_path: Path
) -> None:
    source, target = database, make_database()
    with psycopg.connect(postgres.url(source), autocommit=True) as conn:
        add_host(conn, FleetHost(name="gps1"))
    dump = tmp_path / "ntp.dump"

    for program, *arguments in (
        ("pg_dump", "--format=custom", "--schema=metrics", f"--file={dump}", postgres.url(source)),
        ("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={postgres.url(target)}", dump),
        (
            "psql",
            "-X",
            f"--dbname={postgres.url(target)}",
            "--command=SELECT metrics.grant_access()",
        ),
    ):
        done = postgres.run(str(program), *arguments, check=False, as_self=True)
        assert done.returncode == 0, done.stderr

    with connect(postgres.url(target)) as restored:
        assert schema_status(restored).is_current
    assert postgres.dump(target) == postgres.dump(source)
