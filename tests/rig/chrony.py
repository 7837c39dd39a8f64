"""chronyd of a host, and the reference servers it listens to. All run with `-x`: no clock moves."""

import os
import pwd
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from tests.rig.faketime import shifted_environment
from tests.rig.ntp_servers import SERVER_ADDRESSES
from tests.rig.parts import find_part
from tests.rig.processes import Daemon, Reaper, RigError, free_udp_port
from tests.rig.refclock import Refclocks

#: Stratum of `local` in LOCAL_FALLBACK, and the refid that shows it. Source: chrony.conf(5).
LOCAL_FALLBACK_STRATUM = 10
LOCAL_REFID = "7F7F0101"
#: Four polls a second: a state is reached within a second instead of minutes. A busy machine's
#: delays vary more than chronyd takes: for seconds it would set its clock by none of them.
_POLLING = "iburst minpoll -2 maxpoll -2 maxdelaydevratio 1e6"
#: A reach register is full of real answers then, and each source was judged.
_SETTLED_POLLS = 10
#: Field of `chronyc -c ntpdata`: packets sent so far.
_TOTAL_TX = 30


class ChronyState(Enum):
    """What a host's chronyd is like."""

    HEALTHY = "healthy"  #: three sources, one selected
    SETTLED = "settled"  #: three sources, asked often enough to show what they are
    REFCLOCK = "refclock"  #: GPS and PPS, the latter selected
    NEVER_SYNCHRONISED = "never_synchronised"  #: three sources that never answer
    NO_SOURCES = "no_sources"  #: none configured
    LOCAL_FALLBACK = "local_fallback"  #: no sources, serves its own clock
    DOWN = "down"  #: not running


class References:
    """Three stratum-n servers at one port of three loopback addresses."""

    def __init__(self, folder: Path, reaper: Reaper, *, stratum: int = 1) -> None:
        self._folder = folder
        self._reaper = reaper
        self._stratum = stratum
        self._daemons: list[Daemon] = []
        self.port = free_udp_port(*SERVER_ADDRESSES)

    def start(self) -> None:
        """Starts those that don't run, and waits until they serve."""
        if self._daemons:
            return
        for number, address in enumerate(SERVER_ADDRESSES, start=1):
            stem = self._folder / f"reference{number}"
            lines = [
                f"port {self.port}",
                f"bindaddress {address}",
                "allow 127.0.0.0/8",
                f"local stratum {self._stratum}",
                "cmdport 0",
                f"bindcmdaddress {stem}.sock",
                f"pidfile {stem}.pid",
            ]
            self._daemons.append(_start_chronyd(stem, lines, self._reaper))
        for number, daemon in enumerate(self._daemons, start=1):
            path = self._folder / f"reference{number}.sock"
            daemon.wait_ready(path.exists, f"command socket {path}")

    def stop(self) -> None:
        """Every host that listens to them loses its sources."""
        for daemon in self._daemons:
            daemon.stop()
        self._daemons.clear()


class Blackhole:
    """A UDP port at the reference addresses that takes everything and never answers."""

    def __init__(self) -> None:
        self.port = free_udp_port(*SERVER_ADDRESSES)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        for sock, address in zip(self._sockets, SERVER_ADDRESSES, strict=True):
            sock.bind((address, self.port))

    def close(self) -> None:
        """Gives the port back."""
        for sock in self._sockets:
            sock.close()


class Chronyd:
    """The real chronyd of one host, with a command socket and a command port of its own."""

    def __init__(
        self,
        folder: Path,
        reaper: Reaper,
        *,
        state: ChronyState,
        references_port: int,
        blackhole_port: int,
        clock_offset_s: float = 0.0,
        extra_lines: Sequence[str] = (),
        date_shift_s: float = 0.0,
    ) -> None:
        self.state = state
        self.clock_offset_s = clock_offset_s  #: positive = the host's clock is ahead
        self.extra_lines = tuple(extra_lines)  #: more lines of chrony.conf
        self.date_shift_s = date_shift_s  #: it believes in a date this much later
        self.refclocks = Refclocks(folder)  #: fed in the state REFCLOCK only
        self.command_port = free_udp_port("127.0.0.1")
        self.socket_path = folder / "chronyd.sock"
        self._folder = folder
        self._reaper = reaper
        self._references_port = references_port
        self._blackhole_port = blackhole_port
        self._daemon: Daemon | None = None

    def start(self) -> None:
        """Starts it, without waiting, unless its state is DOWN."""
        if self._daemon is not None or self.state is ChronyState.DOWN:
            return
        lines = [
            "port 0",
            f"cmdport {self.command_port}",
            "bindcmdaddress 127.0.0.1",
            f"bindcmdaddress {self.socket_path}",
            f"pidfile {self._folder / 'chronyd.pid'}",
            *self._state_lines(),
            *self.extra_lines,
        ]
        env = shifted_environment(self.date_shift_s) if self.date_shift_s else None
        self._daemon = _start_chronyd(self._folder / "chronyd", lines, self._reaper, env=env)
        if self.state is ChronyState.REFCLOCK:
            self.refclocks.start()

    def wait_ready(self) -> None:
        """Waits until chronyc shows the wanted state."""
        if self._daemon is not None:
            self._daemon.wait_ready(self._is_ready, f"chronyc shows {self.state.value}")

    def stop(self) -> None:
        """Takes chronyd down: chronyc answers 506."""
        self.refclocks.stop()
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None
        with suppress(FileNotFoundError):
            self.socket_path.unlink()

    def freeze(self) -> None:
        """Its sockets stay and nobody is answered."""
        self._running().freeze()

    def thaw(self) -> None:
        """Goes on after freeze()."""
        self._running().thaw()

    def ask(self, *words: str) -> str:
        """What `chronyc -c -n WORDS` prints, asked by the command socket; "" if it fails."""
        return subprocess.run(
            [find_part("chronyc"), "-c", "-n", "-h", self.socket_path, *words],
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
        ).stdout

    def _running(self) -> Daemon:
        if self._daemon is None:
            raise RigError("chronyd is not running")
        return self._daemon

    def _state_lines(self) -> list[str]:
        if self.state is ChronyState.REFCLOCK:
            return self.refclocks.lines()
        if self.state in (ChronyState.HEALTHY, ChronyState.SETTLED):
            # `offset` is added to what the server measures as *its* lead over us.
            options = f"port {self._references_port} {_POLLING} offset {-self.clock_offset_s:.9f}"
            return [f"server {address} {options}" for address in SERVER_ADDRESSES]
        if self.state is ChronyState.NEVER_SYNCHRONISED:
            options = f"port {self._blackhole_port} {_POLLING}"
            return [f"server {address} {options}" for address in SERVER_ADDRESSES]
        if self.state is ChronyState.LOCAL_FALLBACK:
            return [f"local stratum {LOCAL_FALLBACK_STRATUM}"]
        return []

    def _is_ready(self) -> bool:
        if not self.socket_path.exists():
            return False
        tracking = self.ask("tracking").strip().split(",")
        states = [line.split(",")[1] for line in self.ask("sources").splitlines()]
        if self.state is ChronyState.HEALTHY:
            return "*" in states and all(state in "*+-" for state in states)
        if self.state is ChronyState.REFCLOCK:
            return "*" in states
        if self.state is ChronyState.SETTLED:
            sent = [int(line.split(",")[_TOTAL_TX]) for line in self.ask("ntpdata").splitlines()]
            return bool(sent) and min(sent) >= _SETTLED_POLLS
        if self.state is ChronyState.NEVER_SYNCHRONISED:
            return len(states) == len(SERVER_ADDRESSES)
        if self.state is ChronyState.LOCAL_FALLBACK:
            return tracking[0] == LOCAL_REFID
        return len(tracking) > 1


def _start_chronyd(
    stem: Path, lines: Sequence[str], reaper: Reaper, *, env: Mapping[str, str] | None = None
) -> Daemon:
    """Starts chronyd as ourselves, with the configuration `stem`.conf and the log `stem`.log."""
    config = stem.with_suffix(".conf")
    config.write_text("\n".join(lines) + "\n", encoding="ascii")
    return Daemon(
        stem.name,
        [find_part("chronyd"), "-x", "-U", "-u", _account(), "-4", "-d", "-f", config],
        log_path=stem.with_suffix(".log"),
        reaper=reaper,
        env=env,
    )


def _account() -> str:
    """Name of the account we run as; chronyd has to be told one that exists."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise RigError(f"uid {os.getuid()} has no account: sshd and chronyd need one") from None
