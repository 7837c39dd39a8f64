"""`ntp-checker monitor` and `dashboard` over real hosts and a real PostgreSQL."""

import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.commands import run
from tests.acceptance.processes import Service, fetch, fetch_json, settings_for, wait_for_page
from tests.postgres import PostgresServer
from tests.rig import GpsFeed, Rig, RigHost
from tests.rig.processes import wait_until

StartHost = Callable[..., RigHost]


def _rows(url: str) -> list[tuple[str, str, float | None]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT host, status, system_offset_s FROM metrics.ntp WHERE slot_at > '2026-01-01'"
            " ORDER BY host, slot_at"
        ).fetchall()


def test_monitor_once_stores_each_host_with_the_sign_of_its_offset(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    hosts = [
        rig_host(gps=GpsFeed.FIX_3D),
        rig_host(clock_offset_s=0.25),
        rig_host(clock_offset_s=-0.25),
    ]
    url = postgres.url(database)
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=",".join(host.target for host in hosts),
        NTP_CHECKER_INTERVAL_S="60",  # a single round must not grow stale meanwhile
    )

    done = run("monitor", "--once", settings=settings)

    assert done.returncode == 0, done.stderr
    rows = {host: (status, offset) for host, status, offset in _rows(url)}
    healthy, ahead, behind = (rows[host.address] for host in hosts)
    assert healthy[0] == "ok"
    assert ahead == ("critical", pytest.approx(0.25, abs=0.001))
    assert behind == ("critical", pytest.approx(-0.25, abs=0.001))
    with Service("dashboard", settings=settings) as dashboard:
        page = wait_for_page(dashboard, "/").decode()
        latest = {host["host"]: host for host in fetch_json(settings, "/api/latest")["hosts"]}
        drawn = fetch_json(settings, f"/api/offset?range=24h&host={hosts[2].address}")
    assert latest[hosts[1].address]["tracking"]["system_offset_s"] == pytest.approx(0.25, abs=1e-3)
    assert latest[hosts[0].address]["gps"]["satellites_used"] > 0
    assert [p for p in drawn["series"][0]["p50"] if p is not None] == [
        pytest.approx(-250_000_000, abs=1_000_000)
    ]
    assert "2 of 3 hosts need attention" in page


def test_monitor_stopped_leaves_within_5_s_and_everything_is_stored(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    url = postgres.url(database)
    settings = settings_for(
        rig.env(), tmp_path, DATABASE_URL=url, NTP_CHECKER_HOSTS=rig_host().target
    )

    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: len(_rows(url)) >= 3, "three rows", timeout_s=30)
        status, took_s = monitor.stop()

        assert status == 0
        assert took_s < 5
        assert "Traceback" not in monitor.log
        assert "samples stay in the spool" not in monitor.log


def test_monitor_second_on_the_same_data_folder_is_refused(
    rig: Rig, rig_host: StartHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=postgres.url(database),
        NTP_CHECKER_HOSTS=rig_host().target,
    )

    with Service("monitor", settings=settings) as monitor:
        monitor.wait_for("watching")
        second = run("monitor", "--once", settings=settings)

    assert second.returncode == 2
    assert str(tmp_path) in second.stderr
    assert "Traceback" not in second.stderr


def test_monitor_over_an_empty_database_names_the_command(
    postgres: PostgresServer, make_database: Callable[..., str], tmp_path: Path
) -> None:
    url = postgres.url(make_database())
    settings = settings_for({}, tmp_path, DATABASE_URL=url, NTP_CHECKER_HOSTS="local")

    done = run("monitor", "--once", settings=settings)

    assert done.returncode == 2
    assert "ntp-checker db init" in done.stderr


def test_monitor_once_without_a_host_says_how_to_add_one(tmp_path: Path) -> None:
    settings = settings_for({}, tmp_path, PATH=str(tmp_path))  # no chronyc there

    done = run("monitor", "--once", settings=settings)

    assert done.returncode == 2
    assert "NTP_CHECKER_HOSTS" in done.stderr
    assert "ntp-checker trust" in done.stderr


def test_database_commands_make_check_and_keep_a_schema(
    postgres: PostgresServer, make_database: Callable[..., str], tmp_path: Path
) -> None:
    settings = settings_for({}, tmp_path, DATABASE_URL=postgres.url(make_database()))

    before = run("db", "status", settings=settings)
    made = run("db", "init", settings=settings)
    again = run("db", "migrate", settings=settings)
    after = run("db", "status", settings=settings)
    maintained = run("db", "maintain", settings=settings)

    assert (before.returncode, made.returncode, again.returncode) == (2, 0, 0)
    assert again.stdout.strip() == "nothing to do"
    assert after.returncode == 0
    assert maintained.returncode == 0
    assert "create present" in maintained.stdout


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A data folder that root's PostgreSQL can reach, which runs as another account."""
    with tempfile.TemporaryDirectory(prefix="ntpc-data-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_up_with_embedded_server_shows_the_host_and_leaves_nothing(
    rig: Rig, rig_host: StartHost, open_folder: Path
) -> None:
    host = rig_host()
    settings = settings_for(rig.env(), open_folder, NTP_CHECKER_HOSTS=host.target)

    with Service("up", settings=settings) as up:
        wait_for_page(up, "/")
        wait_until(
            lambda: fetch_json(settings, "/api/latest")["hosts"], "a host is there", timeout_s=30
        )
        page = fetch(settings, "/").decode()
        postmaster = next(open_folder.rglob("postmaster.pid"))
        server_pid = int(postmaster.read_text(encoding="ascii").split()[0])
        status, _ = up.stop()

        assert host.address in page
        assert status == 0
        wait_until(lambda: not Path(f"/proc/{server_pid}").exists(), "server is gone")


def test_up_without_host_and_chronyc_shows_the_next_command(open_folder: Path) -> None:
    settings = settings_for({}, open_folder, PATH=str(open_folder))

    with Service("up", settings=settings) as up:
        page = wait_for_page(up, "/").decode()

    assert "NTP_CHECKER_HOSTS=" in page
    assert "ntp-checker trust" in page


def test_up_whose_terminal_closes_leaves_nothing_behind(open_folder: Path) -> None:
    settings = settings_for({}, open_folder, PATH=str(open_folder))

    with Service("up", settings=settings) as up:
        wait_for_page(up, "/")
        status, _ = up.stop(signal.SIGHUP)

        assert status == 0
        with pytest.raises(OSError, match="refused"):
            fetch(settings, "/healthz")
