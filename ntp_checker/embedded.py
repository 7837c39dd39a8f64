"""PostgreSQL for when DATABASE_URL is unset: one server, shared by checker and dashboard.

Whoever comes first starts it and whoever leaves last stops it, also by kill -9. Every user holds
the users' lock (shared) until the kernel takes it away; the guardian, a process of its own, stops
the server when it can have that lock for itself. Who starts or stops holds the start lock, so that
nobody joins a server that is being stopped. A server or a guardian that died is started again.

`DATA_DIR/postgresql/` holds the locks and `server/`: data, socket and logs. As root the server
runs as account 65534, which owns `server/` only.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ntp_checker.embedded_place import Lock, Place, is_ready
from ntp_checker.embedded_server import (
    SERVER_GID,
    SERVER_UID,
    START_DEADLINE_S,
    STOP_DEADLINE_S,
    log_tail,
)
from ntp_checker.errors import ConfigError, StoreError

_WAIT_STEP_S = 0.05


@contextmanager
def embedded_postgres(data_dir: Path, *, bin_dirs: Sequence[Path] | None = None) -> Iterator[str]:
    """Yields a libpq URL of a server that runs as long as anyone is inside.

    `bin_dirs` replaces the usual places of PostgreSQL's programs. Only this account may connect.
    Raises ConfigError where the place or the programs are wrong, StoreError if it does not start.
    """
    place = Place(data_dir.resolve() / "postgresql")
    try:
        _prepare_folders(data_dir, place)
        users, starting = place.lock("users"), place.lock("start")
    except OSError as err:
        raise ConfigError(
            f"NTP_CHECKER_DATA_DIR: {err.filename}: {err.strerror}: give another place"
        ) from err
    with closing(users):
        with closing(starting):
            _take(starting, fcntl.LOCK_EX, place)
            _take(users, fcntl.LOCK_SH, place)
            _ensure_server(place, bin_dirs or ())
        yield place.url


def _prepare_folders(data_dir: Path, place: Place) -> None:
    """Makes the folders, closed to others; as root, open enough for the server's account."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (place.root, place.server):
        folder.mkdir(mode=0o700, exist_ok=True)
    is_root = os.geteuid() == 0
    wanted_uid = SERVER_UID if is_root else os.geteuid()
    status = place.server.stat()
    is_new = is_root and status.st_uid == 0
    if is_new:
        os.chown(place.server, SERVER_UID, SERVER_GID)
    elif status.st_uid != wanted_uid:
        raise ConfigError(
            f"{place.server} belongs to account {status.st_uid}, not to {wanted_uid}: start it as "
            "the account that made it, or set NTP_CHECKER_DATA_DIR to another place"
        )
    for folder in (data_dir, place.root) if is_root else ():
        status = folder.stat()
        if status.st_uid == 0 and not status.st_mode & 0o001:
            os.chown(folder, 0, SERVER_GID)
            folder.chmod((status.st_mode & 0o777) | 0o010)


def _take(lock: Lock, kind: int, place: Place) -> None:
    """Waits for others who start or stop the server now."""
    deadline = time.monotonic() + START_DEADLINE_S + STOP_DEADLINE_S
    while not lock.try_take(kind):
        if time.monotonic() > deadline:
            raise StoreError(f"another process is starting or stopping PostgreSQL in {place.root}")
        time.sleep(_WAIT_STEP_S)


def _ensure_server(place: Place, bin_dirs: Sequence[Path]) -> None:
    """Returns when the server takes connections and a guardian is there. Holds the start lock."""
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        if not _has_guardian(place):
            _start_guardian(place, bin_dirs)
        if is_ready(place):
            return
        time.sleep(_WAIT_STEP_S)
    raise StoreError(f"PostgreSQL does not answer; its log ends: {log_tail(place)} ({place.log})")


def _has_guardian(place: Place) -> bool:
    with closing(place.lock("guardian")) as lock:
        return not lock.try_take(fcntl.LOCK_EX)


def _start_guardian(place: Place, bin_dirs: Sequence[Path]) -> None:
    """Starts it and waits for its word. Raises the error that it reports."""
    package_root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-m", "ntp_checker.embedded_guardian", str(place.root)]
    log_path = place.root / "guardian.log"
    with log_path.open("wb") as log:
        guardian = subprocess.Popen(
            [*command, *map(str, bin_dirs)],
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": package_root},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            said, _ = guardian.communicate(timeout=START_DEADLINE_S * 2)
        except subprocess.TimeoutExpired:
            raise StoreError(f"PostgreSQL does not start; its log: {place.log}") from None
    kind, _, text = said.decode(errors="replace").partition(" ")
    if kind == "config":
        raise ConfigError(text)
    if kind == "store":
        raise StoreError(text)
    if kind not in {"ready", "busy"}:
        raise StoreError(f"PostgreSQL's guardian ended without a word; its log: {log_path}")
