"""Code and schema of different versions: one clear line, or it works.

`make migrate-kills` kills a migration 20 times; here it is done NTP_CHECKER_MIGRATE_KILLS (5) times.
"""

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ntp_checker.store.migrate import connect, load_migrations, migrate
from tests.acceptance.commands import COMMAND, environment, run
from tests.acceptance.processes import Service, fetch, settings_for, wait_for_page
from tests.postgres import PostgresServer, without_times
from tests.rig.processes import wait_until

KILLS = int(os.environ.get("NTP_CHECKER_MIGRATE_KILLS", "5"))

MakeDatabase = Callable[..., str]


def _older(postgres: PostgresServer, make_database: MakeDatabase) -> str:
    """URL of a database that an earlier release made."""
    url = postgres.url(make_database())
    with connect(url) as conn:
        migrate(conn, load_migrations()[:-1])
    return url


def _newer(
    postgres: PostgresServer, make_database: MakeDatabase, serves_from: int | None = None
) -> str:
    """URL of a database that a later release has brought on."""
    url = postgres.url(make_database())
    with connect(url) as conn:
        migrate(conn)
        conn.execute("ALTER TABLE metrics.host ADD COLUMN later text")
        conn.execute(
            "INSERT INTO metrics.schema_migration VALUES (%s, 'later', now(), 'x', %s)",
            [len(load_migrations()) + 1, serves_from],
        )
    return url


Made = Callable[[PostgresServer, MakeDatabase], str]
RUN_MIGRATE = "run `ntp-checker db migrate`"
INSTALL_NEWER = "install the newer release that made it"


@pytest.mark.parametrize(
    ("made", "command", "said"),
    [
        (_older, "monitor", RUN_MIGRATE),
        (_older, "monitor --once", RUN_MIGRATE),
        (_older, "db maintain", RUN_MIGRATE),
        (_older, "db status", RUN_MIGRATE),
        (_newer, "monitor", INSTALL_NEWER),
        (_newer, "monitor --once", INSTALL_NEWER),
        (_newer, "db maintain", INSTALL_NEWER),
        (_newer, "db status", INSTALL_NEWER),
        (_newer, "db migrate", INSTALL_NEWER),
    ],
)
def test_command_when_the_schema_is_of_another_version_then_refused_in_one_line(
    postgres: PostgresServer,
    make_database: MakeDatabase,
    tmp_path: Path,
    made: Made,
    command: str,
    said: str,
) -> None:
    settings = {
        "DATABASE_URL": made(postgres, make_database),
        "NTP_CHECKER_HOSTS": "local",
        "NTP_CHECKER_DATA_DIR": f"{tmp_path}/data",
    }

    done = run(*command.split(), settings=settings)

    assert done.returncode == 2
    # Beside it only the log, by which the metrics' port is known.
    (line,) = [one for one in done.stderr.splitlines() if not one.startswith("{")]
    assert said in line


@pytest.mark.parametrize(("made", "said"), [(_older, RUN_MIGRATE), (_newer, "this release knows")])
def test_dashboard_when_the_schema_is_of_another_version_then_not_ready_and_says_why(
    postgres: PostgresServer, make_database: MakeDatabase, tmp_path: Path, made: Made, said: str
) -> None:
    url = made(postgres, make_database)
    settings = settings_for({}, tmp_path, DATABASE_URL=url)

    with Service("dashboard", settings=settings) as dashboard:
        wait_for_page(dashboard, "/healthz")
        with pytest.raises(OSError, match="503"):
            fetch(settings, "/readyz")
        status, _ = dashboard.stop()
        log = dashboard.log

    assert status == 0
    assert said in log.splitlines()[-1]
    assert "Traceback" not in log


def test_release_when_taken_back_on_a_schema_that_serves_it_then_it_works(
    postgres: PostgresServer, make_database: MakeDatabase, tmp_path: Path
) -> None:
    url = _newer(postgres, make_database, serves_from=len(load_migrations()))
    settings = settings_for({}, tmp_path, DATABASE_URL=url, NTP_CHECKER_HOSTS="local")

    migrated = run("db", "migrate", settings=settings)
    once = run("monitor", "--once", settings=settings)
    with Service("dashboard", settings=settings) as dashboard:
        wait_for_page(dashboard, "/readyz")
        page = fetch(settings, "/api/latest")

    assert (migrated.returncode, migrated.stdout.strip()) == (0, "nothing to do")
    assert once.returncode == 0, once.stderr
    assert b'"local"' in page


@pytest.mark.parametrize(("options", "status"), [((), 1), (("--skip-if-away",), 0)])
def test_migration_when_the_database_is_away_then_it_is_skipped_only_if_told(
    tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    settings = {"DATABASE_URL": f"postgresql://u@/x?host={tmp_path}"}

    done = run("db", "migrate", *options, settings=settings)

    assert done.returncode == status
    assert "DATABASE_URL" in done.stderr.splitlines()[-1]


def _start_migration(
    postgres: PostgresServer, settings: dict[str, str]
) -> "subprocess.Popen[bytes]":
    """Starts one; returns as soon as it has a session, or is through: the last step takes an instant."""
    running = subprocess.Popen(
        [*COMMAND, "db", "migrate"],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        wait_until(
            lambda: _sessions(conn) or running.poll() is not None,
            "it has a session",
            timeout_s=60,
        )
    return running


def _sessions(conn: "psycopg.Connection[tuple[int]]") -> list[tuple[int]]:
    return conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'ntp-checker db'"
    ).fetchall()


def _migration_s(postgres: PostgresServer, settings: dict[str, str]) -> float:
    """How long the session of one lasts here and now, in seconds."""
    running = _start_migration(postgres, settings)
    began_s = time.monotonic()
    with psycopg.connect(postgres.url(), autocommit=True) as conn:
        wait_until(lambda: not _sessions(conn), "its session is gone", timeout_s=60)
    ended_s = time.monotonic()
    assert running.wait() == 0
    return ended_s - began_s


def test_migration_when_killed_at_random_instants_then_a_rerun_finishes_it(
    postgres: PostgresServer, make_database: MakeDatabase, database: str, tmp_path: Path
) -> None:
    wanted = without_times(postgres.dump(database))
    seed = random.SystemRandom().randrange(2**32)
    instants = random.Random(seed)
    reruns = []

    migrations = load_migrations()

    def database_at(version: int) -> tuple[str, dict[str, str]]:
        name = make_database()
        with connect(postgres.url(name)) as conn:
            migrate(conn, migrations[:version])
        data_dir = str(tmp_path)
        return name, {"DATABASE_URL": postgres.url(name), "NTP_CHECKER_DATA_DIR": data_dir}

    lives_s = [
        _migration_s(postgres, database_at(version)[1]) for version in range(len(migrations))
    ]
    for number in range(KILLS):
        version = number % len(migrations)
        name, settings = database_at(version)
        running = _start_migration(postgres, settings)
        threading.Event().wait(instants.uniform(0, lives_s[version]))
        running.kill()
        running.wait()
        done = run("db", "migrate", settings=settings)
        reruns.append(done.stdout.strip())

        assert done.returncode == 0, done.stderr
        assert without_times(postgres.dump(name)) == wanted

    print(f"{KILLS} kills within {lives_s} s (seed {seed}); the reruns: {Counter(reruns)}")
