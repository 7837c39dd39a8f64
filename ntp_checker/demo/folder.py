"""The demo's own data folder: made anew at each start, never one with real samples."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ntp_checker.embedded_place import Lock, Place
from ntp_checker.embedded_server import SERVER_GID, STOP_DEADLINE_S
from ntp_checker.errors import ConfigError
from ntp_checker.simulated import is_simulated, mark_simulated

NAME = "demo"
_WAIT_STEP_S = 0.05


@contextmanager
def fresh_folder(data_dir: Path) -> Iterator[Path]:
    """An empty `demo` in `data_dir`, ours until the end; what an earlier demo left is deleted.

    Raises ConfigError if another demo has it, if a folder of that name is none of ours, or where
    the disk won't.
    """
    folder = data_dir.resolve() / NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(data_dir / f"{NAME}.lock")
    except OSError as err:
        raise _refused(err) from err
    try:
        if not lock.try_take(fcntl.LOCK_EX):
            raise ConfigError(f"another demo runs in {folder}: stop it, or open its dashboard")
        try:
            _delete(folder)
            folder.mkdir(mode=0o700)
            mark_simulated(folder)
            _let_server_in(data_dir)
        except OSError as err:
            raise _refused(err) from err
        yield folder
    finally:
        lock.close()


def _refused(err: OSError) -> ConfigError:
    reason = f"{err.filename}: {err.strerror}"
    return ConfigError(f"NTP_CHECKER_DATA_DIR: {reason}: give another place")


def _delete(folder: Path) -> None:
    if not folder.exists():
        return
    if not is_simulated(folder):
        raise ConfigError(
            f"{folder} was not made by `ntp-checker demo`, so it is not deleted: "
            "move it away, or set NTP_CHECKER_DATA_DIR to another place"
        )
    if (folder / "postgresql").is_dir():
        _wait_for_server(Place(folder / "postgresql"))
    shutil.rmtree(folder)


def _wait_for_server(place: Place) -> None:
    """Until the last user of an earlier demo's PostgreSQL, and its guardian, are gone."""
    guardian = place.lock("guardian")
    try:
        deadline = time.monotonic() + STOP_DEADLINE_S
        while not guardian.try_take(fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"another process, most likely a dashboard, still uses the database in "
                    f"{place.root}: stop it first"
                )
            time.sleep(_WAIT_STEP_S)
    finally:
        guardian.close()


def _let_server_in(data_dir: Path) -> None:
    """As root the server runs as another account, which must be able to pass through here."""
    if os.geteuid() != 0:
        return
    status = data_dir.stat()
    if status.st_uid == 0 and not status.st_mode & 0o001:
        os.chown(data_dir, 0, SERVER_GID)
        data_dir.chmod((status.st_mode & 0o777) | 0o010)
