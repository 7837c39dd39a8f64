"""The embedded PostgreSQL server itself: its first setup, start and stop."""

import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ntp_checker.embedded_binaries import Binaries
from ntp_checker.embedded_place import (
    NAME,
    PORT,
    Place,
    is_ready,
    pid_file_lines,
    server_pid,
    socket_in,
)
from ntp_checker.errors import ConfigError, StoreError

#: PostgreSQL refuses to run as root; this account owns nothing else. Linux's "nobody".
SERVER_UID = 65534
SERVER_GID = 65534
START_DEADLINE_S = 120  #: a crash recovery replays at most max_wal_size, 1 GB
STOP_DEADLINE_S = 60
_PROGRAM_DEADLINE_S = 240
_LOG_BYTES_MAX = 10_000_000
#: orphans of a killed postmaster hold its memory until they notice
_ORPHANS_DEADLINE_S = 15
_ORPHANS_ARE_THERE = "is still in use"


def initialise(place: Place, binaries: Binaries) -> None:
    """Makes the data directory with our empty database, whole or not at all.

    Called under the guardian's lock. Raises StoreError if PostgreSQL's programs fail.
    """
    if (place.data / "PG_VERSION").exists():
        return
    if place.data.exists():
        raise ConfigError(f"{place.data} is there but is no PostgreSQL data: move it away")
    unfinished = place.server / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    names = ("-U", NAME, "--encoding=UTF8", "--locale=C")
    access = ("--auth-local=peer", "--auth-host=reject", "--data-checksums")
    _run(place, [binaries.bin_dir / "initdb", "-D", unfinished, *names, *access])
    single: list[str | Path] = [
        binaries.bin_dir / "postgres",
        "--single",
        "-D",
        unfinished,
        "template1",
    ]
    said = _run(place, single, said_to_it=f"CREATE DATABASE {NAME}\n")
    if re.search(r"\b(ERROR|FATAL|PANIC):", said):
        raise StoreError(f"PostgreSQL could not make its database: {_last_lines(said)}")
    with (unfinished / "postgresql.conf").open("a") as settings:
        settings.write(f"\ninclude '{NAME}.conf'\n")
    unfinished.rename(place.data)


def start(place: Place, binaries: Binaries, client: str) -> None:
    """Starts the server if it does not run; it takes connections afterwards.

    `client` is the one account that may connect. Raises StoreError with the log's last lines.
    """
    if is_ready(place):
        return
    _setup_socket_dir(place.socket_dir)
    _write_settings(place, client)
    _forget_dead_server(place)
    if place.log.exists() and place.log.stat().st_size > _LOG_BYTES_MAX:
        place.log.rename(place.log.with_suffix(".log.1"))
    # Relative paths: pg_ctl passes them through a shell.
    pg_ctl = str(binaries.bin_dir / "pg_ctl")
    command = [pg_ctl, "start", "-w", "-s", "-D", "data", "-l", "server.log"]
    deadline = time.monotonic() + _ORPHANS_DEADLINE_S
    while True:
        log_from = place.log.stat().st_size if place.log.exists() else 0
        try:
            _run(place, [*command, "-t", str(START_DEADLINE_S)])
        except StoreError as err:
            with place.log.open("rb") as log:
                log.seek(log_from)
                said = log.read().decode(errors="replace")
            if _ORPHANS_ARE_THERE not in said or time.monotonic() > deadline:
                text = f"PostgreSQL does not start: {_last_lines(said or str(err))} ({place.log})"
                raise StoreError(text) from err
            time.sleep(0.2)
        else:
            return


def stop(place: Place, binaries: Binaries) -> None:
    """Stops the server in good order, its clients cut off. Raises StoreError if it goes on."""
    if server_pid(place) is None:
        return
    pg_ctl = str(binaries.bin_dir / "pg_ctl")
    command = [pg_ctl, "stop", "-w", "-s", "-m", "fast", "-D", "data"]
    _run(place, [*command, "-t", str(STOP_DEADLINE_S)])


def log_tail(place: Place) -> str:
    """The last lines of the server's log, on one line."""
    if not place.log.exists():
        return "nothing"
    return _last_lines(place.log.read_text(errors="replace")[-4000:])


def _forget_dead_server(place: Place) -> None:
    """Removes what a killed server left and PostgreSQL would take for a living one.

    Its process id may by now be a zombie's or another program's. A postmaster.pid whose process
    is gone stays: by it PostgreSQL finds orphans that still use the data.
    """
    if server_pid(place) is not None:
        return
    for left_over in (socket_in(place.socket_dir), Path(f"{socket_in(place.socket_dir)}.lock")):
        left_over.unlink(missing_ok=True)
    lines = pid_file_lines(place)
    if lines and lines[0].isdigit():
        try:
            os.kill(int(lines[0]), 0)
        except ProcessLookupError:
            return
        except PermissionError:
            pass  # alive, another account's
        (place.data / "postmaster.pid").unlink()


def _setup_socket_dir(folder: Path) -> None:
    """Makes it, or makes sure that it is ours alone: /tmp is everybody's."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if not is_ours or status.st_mode & 0o077:
            raise ConfigError(
                f"{folder} is not ours alone: remove it, or set NTP_CHECKER_DATA_DIR shorter"
            ) from None


def _write_settings(place: Place, client: str) -> None:
    """Writes what PostgreSQL reads at its start: no network, one account by its kernel identity."""
    folder = str(place.socket_dir).replace('"', '""').replace("'", "''")
    settings = f"""\
listen_addresses = ''
port = {PORT}
unix_socket_directories = '"{folder}"'
unix_socket_permissions = 0700
cluster_name = 'ntp-checker'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
"""
    (place.data / f"{NAME}.conf").write_text(settings)
    (place.data / "pg_hba.conf").write_text(f"local all all peer map={NAME}\n")
    (place.data / "pg_ident.conf").write_text(f'{NAME} "{client}" {NAME}\n')


def _run(place: Place, command: Sequence[str | Path], *, said_to_it: str = "") -> str:
    """Runs one of PostgreSQL's programs; what it printed. Raises StoreError if it fails."""
    program = Path(command[0]).name
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(
            command,
            cwd=place.server,
            env=environment,
            input=said_to_it,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_PROGRAM_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise StoreError(f"{program}: {err}") from err
    if done.returncode != 0:
        raise StoreError(f"{program} failed: {_last_lines(done.stdout)}")
    return done.stdout


def _last_lines(text: str) -> str:
    """The end of a program's output as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-4:]) or "it said nothing"
