"""Starts real daemons, waits until they are ready, and stops them by pid."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tests.rig import reaper

_POLL_S = 0.01
_STOP_GRACE_S = 1.0
_PORT_ATTEMPTS = 100
_OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")

T = TypeVar("T")


class RigError(Exception):
    """The rig could not bring a part into the wanted state; carries the part's own log."""


def wait_until(condition: Callable[[], T | None], what: str, *, timeout_s: float = 10.0) -> T:
    """The first true value of `condition`, asked every 10 ms.

    Raises RigError naming `what` when there is none within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise RigError(f"not within {timeout_s:g} s: {what}; last seen: {value!r}")
        time.sleep(_POLL_S)


def free_tcp_port(address: str) -> int:
    """A TCP port nobody listens on at this address now."""
    return _free_port(socket.SOCK_STREAM, (address,))


def free_udp_port(*addresses: str) -> int:
    """A UDP port that is free at all these addresses now."""
    return _free_port(socket.SOCK_DGRAM, addresses)


def _free_port(kind: socket.SocketKind, addresses: Sequence[str]) -> int:
    """A port below the range that outgoing connections take theirs from.

    So a daemon that is stopped finds its port free again. Two rigs at once draw different ones.
    """
    first_outgoing = int(_OUTGOING_PORTS.read_text(encoding="ascii").split()[0])
    for _ in range(_PORT_ATTEMPTS):
        port = random.SystemRandom().randrange(max(1024, first_outgoing - 20_000), first_outgoing)
        try:
            for address in addresses:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((address, port))
        except OSError:
            continue
        return port
    raise RigError(f"found no port that is free at {', '.join(addresses)}")


class Reaper:
    """The process that cleans up after a rig, and the rig's temporary folder.

    The folder's path is short: a unix socket's path has at most 108 bytes.
    """

    def __init__(self) -> None:
        parent = "/tmp" if os.access("/tmp", os.W_OK) else None
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.folder = Path(tempfile.mkdtemp(prefix="ntprig-", dir=parent))
        self._say(f"folder {self.folder}")

    def watch(self, pid: int) -> None:
        """Has this process killed when the rig is gone."""
        self._say(f"watch {pid} {reaper.started_ticks(pid) or 0}")

    def forget(self, pid: int, started_ticks: int) -> None:
        """This process was stopped."""
        self._say(f"forget {pid} {started_ticks}")

    def close(self) -> None:
        """Kills what is left, removes the folder, and returns when that is done."""
        if self._popen.stdin is not None:
            with suppress(BrokenPipeError):
                self._popen.stdin.close()
        self._popen.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _say(self, line: str) -> None:
        if self._popen.stdin is None or self._popen.poll() is not None:
            raise RigError("the process that cleans up after the rig is gone")
        self._popen.stdin.write(line + "\n")
        self._popen.stdin.flush()


class Daemon:
    """One running process of the rig, with its output in a log."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log_path: Path,
        reaper: Reaper,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._reaper = reaper
        self._log_start = log_path.stat().st_size if log_path.exists() else 0
        with log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=dict(env) if env is not None else None,
                start_new_session=True,
            )
        self._started_ticks = _ticks(self._popen.pid)
        reaper.watch(self._popen.pid)

    @property
    def pid(self) -> int:
        """Process id of the daemon itself."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self._popen.poll() is None

    def log(self) -> str:
        """What it has said since this start."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def wait_ready(
        self, condition: Callable[[], T | None], what: str, *, timeout_s: float = 10.0
    ) -> T:
        """As wait_until, but ends at once when the daemon does. Raises RigError with its log."""

        def ready() -> T | None:
            if not self.is_running:
                raise RigError(f"{self.name} ended with {self._popen.returncode}")
            return condition()

        try:
            return wait_until(ready, f"{self.name}: {what}", timeout_s=timeout_s)
        except RigError as err:
            raise RigError(f"{err}\n--- log of {self.name} ---\n{self.log()}") from err

    def freeze(self) -> None:
        """SIGSTOP, and waits until it stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: reaper.process_state(self.pid) == "T", f"{self.name} stands still")

    def thaw(self) -> None:
        """Goes on after freeze()."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ends it and all its children; returns when they are gone."""
        family = reaper.process_tree(self.pid)
        if self.is_running:
            self._popen.terminate()
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
            try:
                self._popen.wait(timeout=_STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                family = sorted({*family, *reaper.process_tree(self.pid)})
                self._popen.kill()
                self._popen.wait(timeout=_STOP_GRACE_S)
        reaper.kill_pids([pid for pid in family if pid != self.pid])
        self._reaper.forget(self.pid, self._started_ticks)


def _ticks(pid: int) -> int:
    return reaper.started_ticks(pid) or 0
