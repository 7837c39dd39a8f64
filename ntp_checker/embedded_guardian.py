"""The process that owns the embedded server's life: starts it, restarts it, stops it.

`python -m ntp_checker.embedded_guardian ROOT [BIN_DIR...]`, started by `embedded.py` and detached
from it, so that the server is also stopped when its last user was killed. It prints one line when
it knows how the start went: `ready`, `busy` (another guardian was first), or the error's kind and
text. As root it hands its rights over before it touches anything that the server's account owns.
Standard library only, all of it imported before that: the virtual environment may be closed to
the other account.
"""

import fcntl
import os
import pwd
import signal
import sys
import time
import traceback  # noqa: F401  -- for an unforeseen error's own report, later than here
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ntp_checker.embedded_binaries import Binaries, choose_binaries, copy_wheel
from ntp_checker.embedded_place import Lock, Place, server_pid
from ntp_checker.embedded_server import SERVER_GID, SERVER_UID, initialise, start, stop
from ntp_checker.errors import ConfigError, NtpCheckerError, StoreError

_WATCH_INTERVAL_S = 0.25
#: after a start that failed; the users' own reconnecting waits as long
_RESTART_PAUSE_S = 5.0


def main(argv: Sequence[str]) -> None:
    """Guards one server until nobody uses it any more."""
    place = Place(Path(argv[0]))
    bin_dirs = [Path(name) for name in argv[1:]]
    if os.fork():
        os._exit(0)  # the parent waits for this one only
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Handlers of Python's own are not inherited by the server, SIG_IGN would be.
        signal.signal(number, lambda *_: None)

    users, starting, guarding = (place.lock(name) for name in ("users", "start", "guardian"))
    if not guarding.try_take(fcntl.LOCK_EX):
        _report("busy")
        return
    guarding.write_pid()
    try:
        client = _account_name()
        binaries = _take_rights(place, bin_dirs)
        initialise(place, binaries)
        start(place, binaries, client)
    except NtpCheckerError as err:
        _report(f"{'config' if isinstance(err, ConfigError) else 'store'} {err}")
        return
    except OSError as err:
        _report(f"store PostgreSQL does not start: {err}")
        return
    _report("ready")
    _watch(place, binaries, client, users=users, starting=starting)
    guarding.close()  # before the start lock, which ends with this process


def _watch(place: Place, binaries: Binaries, client: str, *, users: Lock, starting: Lock) -> None:
    """Returns with the start lock held, the server stopped, once nobody holds the users' lock."""
    while True:
        if starting.try_take(fcntl.LOCK_EX):
            if users.try_take(fcntl.LOCK_EX):
                break
            starting.release()
        if not place.data.exists():
            _log("the data directory is gone; so am I")
            return
        pause_s = _WATCH_INTERVAL_S
        if server_pid(place) is None:
            _log("the server is gone: starting it again")
            try:
                start(place, binaries, client)
            except (NtpCheckerError, OSError) as err:
                _log(str(err))
                pause_s = _RESTART_PAUSE_S
        time.sleep(pause_s)
    try:
        stop(place, binaries)
    except StoreError as err:
        _log(str(err))


def _account_name() -> str:
    """The account that will connect, as PostgreSQL sees it: the one that started this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ConfigError(
            f"account {os.geteuid()} has no name in /etc/passwd, which PostgreSQL wants: "
            "give it one, or set DATABASE_URL"
        ) from None


def _take_rights(place: Place, bin_dirs: Sequence[Path]) -> Binaries:
    """Chooses the programs and, as root, becomes the server's account for good."""
    binaries = choose_binaries(bin_dirs or None, place.data)
    if os.geteuid() == 0:
        if binaries.is_wheel:
            binaries = copy_wheel(binaries, place.root / "binaries", SERVER_UID)
        os.setgroups([])
        os.setgid(SERVER_GID)
        os.setuid(SERVER_UID)
    try:
        os.chdir(place.server)
    except PermissionError:
        raise ConfigError(
            f"{place.server} lies in a folder that is closed to account {SERVER_UID}, as which "
            "PostgreSQL runs for root: set NTP_CHECKER_DATA_DIR to another place"
        ) from None
    if not os.access(binaries.bin_dir / "postgres", os.X_OK):
        raise ConfigError(f"{binaries.bin_dir} is closed to account {os.geteuid()}")
    return binaries


def _report(line: str) -> None:
    """Says how the start went, then lets go of the pipe: its reader waits for the end."""
    try:
        os.write(sys.stdout.fileno(), line.encode())
    except BrokenPipeError:
        _log(f"nobody waits for: {line}")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def _log(text: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
