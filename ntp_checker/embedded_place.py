"""Where one embedded PostgreSQL lives, who uses it, and whether it runs."""

import fcntl
import hashlib
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

#: the name of the role, of the database and of the account map
NAME = "ntp_checker"
PORT = 5432  #: part of a file's name in a folder of our own, never a port
_SOCKET_PATH_BYTES_MAX = 100  # 108 on Linux, 104 on macOS, with the closing NUL


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one embedded server. `root` is closed to other accounts."""

    root: Path  #: absolute; holds the locks and, as root, the copied programs

    @property
    def server(self) -> Path:
        """What the server's account owns: data, socket, logs."""
        return self.root / "server"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.server / "data"

    @property
    def log(self) -> Path:
        """What the server says; kept once more as server.log.1 when it has grown."""
        return self.server / "server.log"

    @property
    def socket_dir(self) -> Path:
        """Beside the data, or in /tmp where that path is too long for a unix socket."""
        beside = self.server / "run"
        if len(os.fsencode(socket_in(beside))) <= _SOCKET_PATH_BYTES_MAX:
            return beside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"{NAME}-{digest}"  # noqa: S108  -- the server's start checks whose it is

    @property
    def url(self) -> str:
        """Where clients connect: a libpq URL."""
        folder = quote(str(self.socket_dir), safe="")
        return f"postgresql:///{NAME}?host={folder}&port={PORT}&user={NAME}"

    def lock(self, name: str) -> "Lock":
        """One of the three locks: start, users, guardian."""
        return Lock(self.root / f"{name}.lock")


class Lock:
    """An flock on a file of its own; the kernel frees it when its last holder is gone."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_take(self, kind: int) -> bool:
        """Takes it (`fcntl.LOCK_SH`, `LOCK_EX`) if that needs no waiting."""
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Gives it back, and keeps the file open."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def write_pid(self) -> None:
        """Leaves this process's id in the file, for people."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Gives it back, unless a forked child holds it, too."""
        os.close(self._fd)


def server_pid(place: Place) -> int | None:
    """Process id of the running postmaster; None if there is none, whatever its file says."""
    lines = pid_file_lines(place)
    pid = int(lines[0]) if lines and lines[0].isdigit() else None
    return pid if pid is not None and _is_postgres(pid) else None


def is_ready(place: Place) -> bool:
    """True if the server runs, takes connections and says so itself."""
    lines = pid_file_lines(place)
    if server_pid(place) is None or len(lines) < 8 or lines[7].strip() != "ready":
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(socket_in(place.socket_dir)))
        except OSError:
            return False
    return True


def socket_in(folder: Path) -> Path:
    """The unix socket in this folder; its name is PostgreSQL's."""
    return folder / f".s.PGSQL.{PORT}"


def pid_file_lines(place: Place) -> list[str]:
    """Lines of postmaster.pid: 1 its process id, 8 its state. Empty without one."""
    try:
        return (place.data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_postgres(pid: int) -> bool:
    """True if this process lives (no zombie) and is a PostgreSQL server: ids are used again."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            name, _, rest = status.read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            return False
        state = rest.split()[0]
    else:
        ps = ["ps", "-o", "stat=", "-o", "comm=", "-p", str(pid)]
        answer = subprocess.run(ps, capture_output=True, text=True, check=False)
        state, _, name = answer.stdout.strip().partition(" ")
    return Path(name.strip()).name in {"postgres", "postmaster"} and not state.startswith("Z")
