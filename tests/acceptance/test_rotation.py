"""Secrets that change while the product runs: no restart, and no slot lost."""

import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.processes import Service, fetch_json, settings_for, wait_for_page
from tests.mounted import MountedFolder
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until
from tests.rig.sshd import make_key

#: Of a checker; long enough for a look on a busy machine.
INTERVAL_S = 2.0
WAIT_S = 90.0
FIRST, SECOND = "first-9d1c", "second-4b7e"


def _slots(server: PostgresServer) -> list[tuple[float, str | None]]:
    """Each slot's time and why it could not be looked at; no host here has GPS."""
    with psycopg.connect(server.url()) as conn:
        return conn.execute(
            "SELECT extract(epoch FROM slot_at)::float8,"
            " CASE WHEN failure_part <> 'gps' THEN failure_kind END FROM metrics.ntp"
            " WHERE slot_at > '2026-01-01' ORDER BY slot_at"
        ).fetchall()


def _assert_no_slot_lost(server: PostgresServer) -> None:
    slots = _slots(server)
    assert {round(b - a, 3) for (a, _), (b, _) in pairwise(slots)} == {INTERVAL_S}
    assert {kind for _, kind in slots} == {None}


def _url(server: PostgresServer, password: str) -> str:
    return server.url(user="checker").replace("checker@", f"checker:{password}@")


def _set_password(server: PostgresServer, password: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"ALTER ROLE checker PASSWORD '{password}'".encode())


def _end_sessions(server: PostgresServer) -> int:
    """Ends those that logged in with a password; how many there were."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        return len(
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'checker'"
            ).fetchall()
        )


def test_password_of_the_database_when_it_changes_is_used_without_a_restart(
    rig: Rig, rig_host: Callable[..., RigHost], server: PostgresServer, tmp_path: Path
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE ROLE checker LOGIN SUPERUSER PASSWORD 'x'")
    _set_password(server, FIRST)
    server.require_passwords()
    secret = MountedFolder(tmp_path / "secret", url=_url(server, FIRST))
    file = tmp_path / "settings.yaml"
    file.write_text(f"database_url_file: {secret / 'url'}\nhosts: ['{rig_host().target}']\n")
    settings = settings_for(
        rig.env(),
        tmp_path / "data",
        NTP_CHECKER_CONFIG=str(file),
        NTP_CHECKER_INTERVAL_S=str(INTERVAL_S),
    )

    with (
        Service("monitor", settings=settings) as monitor,
        Service("dashboard", settings=settings) as dashboard,
    ):
        wait_for_page(dashboard, "/readyz", timeout_s=WAIT_S)
        wait_until(lambda: len(_slots(server)) >= 2, "rows", timeout_s=WAIT_S)
        _set_password(server, SECOND)
        secret.write(url=_url(server, SECOND))
        ended = _end_sessions(server)
        stored = len(_slots(server))
        wait_until(lambda: len(_slots(server)) >= stored + 3, "it goes on", timeout_s=WAIT_S)
        wait_for_page(dashboard, "/readyz")
        (shown,) = fetch_json(settings, "/api/latest")["hosts"]
        monitor.send(signal.SIGHUP)
        monitor.wait_for("new settings are in force")
        status, _ = monitor.stop()
        log = monitor.log + dashboard.log

    print(f"{ended} sessions ended, {len(_slots(server))} slots")
    assert ended >= 2
    assert status == 0
    assert shown["stale"] is False
    assert "database's URL is another one" in log
    assert "at the next start only" not in log
    assert "Traceback" not in log
    assert FIRST not in log
    assert SECOND not in log
    _assert_no_slot_lost(server)


def test_file_of_the_url_when_empty_or_gone_then_the_last_good_one_serves(
    rig: Rig, rig_host: Callable[..., RigHost], server: PostgresServer, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(server.url(user="postgres"))
    settings = settings_for(
        rig.env(),
        tmp_path / "data",
        DATABASE_URL_FILE=str(file),
        NTP_CHECKER_HOSTS=rig_host().target,
        NTP_CHECKER_INTERVAL_S=str(INTERVAL_S),
    )

    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: len(_slots(server)) >= 2, "rows", timeout_s=WAIT_S)
        file.write_text("")
        server.kill()
        server.start()
        monitor.wait_for(f"{file} is empty", timeout_s=WAIT_S)
        stored = len(_slots(server))
        wait_until(lambda: len(_slots(server)) >= stored + 2, "it goes on", timeout_s=WAIT_S)
        status, _ = monitor.stop()

    assert status == 0
    _assert_no_slot_lost(server)


@pytest.fixture
def ssh(rig: Rig, tmp_path: Path) -> MountedFolder:
    """The rig's login key and known_hosts, mounted."""
    return MountedFolder(tmp_path / "ssh", key=rig.ssh_key_path.read_text(), known_hosts="")


def _settings(
    ssh: MountedFolder, host: RigHost, server: PostgresServer, data_dir: Path
) -> dict[str, str]:
    return settings_for(
        {
            "NTP_CHECKER_SSH_KEY_PATH": str(ssh / "key"),
            "NTP_CHECKER_SSH_KNOWN_HOSTS_PATH": str(ssh / "known_hosts"),
        },
        data_dir,
        DATABASE_URL=server.url(),
        NTP_CHECKER_HOSTS=host.target,
        NTP_CHECKER_INTERVAL_S=str(INTERVAL_S),
    )


def test_ssh_key_when_it_changes_is_used_for_the_next_login_and_no_look_fails(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    server: PostgresServer,
    ssh: MountedFolder,
    tmp_path: Path,
) -> None:
    host, new_key = rig_host(), tmp_path / "new_key"
    known_hosts = rig.known_hosts_path.read_text()
    ssh.write(key=rig.ssh_key_path.read_text(), known_hosts=known_hosts)
    make_key(new_key)
    new_line = new_key.with_suffix(".pub").read_text()

    with Service("monitor", settings=_settings(ssh, host, server, tmp_path / "data")) as monitor:
        wait_until(lambda: len(_slots(server)) >= 2, "rows", timeout_s=WAIT_S)
        ssh.write(key="not a key", known_hosts=known_hosts)
        monitor.wait_for("SSH key refused", timeout_s=WAIT_S)
        host.sshd.cut_connections()
        stored = len(_slots(server))
        wait_until(
            lambda: len(_slots(server)) >= stored + 2, "the old one serves", timeout_s=WAIT_S
        )
        with host.sshd.authorized_keys_path.open("a") as authorized:
            authorized.write(new_line)
        ssh.write(key=new_key.read_text(), known_hosts=known_hosts)
        host.sshd.authorized_keys_path.write_text(new_line)
        host.sshd.cut_connections()
        stored = len(_slots(server))
        wait_until(
            lambda: len(_slots(server)) >= stored + 2, "the new one serves", timeout_s=WAIT_S
        )
        status, _ = monitor.stop()
        log = monitor.log

    assert status == 0
    assert log.count("SSH key refused") == 1
    assert log.count("SSH key is another one") == 1
    assert "BEGIN OPENSSH" not in log
    assert len(_slots(server)) >= 6
    _assert_no_slot_lost(server)


def test_known_hosts_when_swapped_then_the_next_look_goes_by_it(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    server: PostgresServer,
    ssh: MountedFolder,
    tmp_path: Path,
) -> None:
    host = rig_host()

    with Service("monitor", settings=_settings(ssh, host, server, tmp_path / "data")) as monitor:
        wait_until(
            lambda: {kind for _, kind in _slots(server)} == {"host_key"},
            "the host is not known",
            timeout_s=WAIT_S,
        )
        ssh.write(key=rig.ssh_key_path.read_text(), known_hosts=host.known_hosts_line)
        wait_until(lambda: _slots(server)[-1][1] is None, "the host is known", timeout_s=WAIT_S)
        status, _ = monitor.stop()

    assert status == 0
