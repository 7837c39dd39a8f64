"""One monitored host: its own sshd, chronyd, gpsd and programs, on a loopback address of its own."""

import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from tests.rig.chrony import Chronyd, ChronyState, References
from tests.rig.gps import Gpsd
from tests.rig.nmea import GpsFeed
from tests.rig.ntp_servers import NtpServers
from tests.rig.parts import find_part
from tests.rig.processes import Reaper, wait_until
from tests.rig.reaper import MARKER, kill_pids, marked_pids
from tests.rig.sshd import Sshd, account

_SYSTEM_PATH = ("/usr/bin", "/bin")
#: Programs a host has only if the rig gives them to it, whatever the machine has installed.
_OWN_PROGRAMS = ("chronyc", "gpspipe")


class ChronyAccess(Enum):
    """How the account on the host reaches chronyd."""

    #: As an ordinary user: the command port only, so `selectdata` and others are not authorised.
    COMMAND_PORT = "command_port"
    #: As root or the `_chrony` account: the socket first, then the command port.
    SOCKET = "socket"


class RigHost:
    """One host of a Rig. Made by Rig.host(), which also starts it."""

    def __init__(
        self,
        name: str,
        *,
        address: str,
        folder: Path,
        reaper: Reaper,
        login_key: str,
        chronyd: Chronyd,
        references: References | NtpServers,
        feed: GpsFeed,
        chrony_access: ChronyAccess,
        sshd_lines: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.folder = folder
        self.address = address
        self.user = account().pw_name
        self.home = folder / "home"  #: HOME of its SSH sessions, empty at first
        self.bin = folder / "bin"  #: first in the PATH of its SSH sessions
        self.chronyd = chronyd
        self.references = references  #: what chronyd listens to; the rig's, or its own
        self.gpsd = Gpsd(folder, reaper, feed)
        self._login_key = login_key
        self._chrony_access = chrony_access
        for path in (self.home, self.bin):
            path.mkdir()
        session_env = {
            "PATH": ":".join([str(self.bin), *_system_path(folder.parent)]),
            "HOME": str(self.home),
            MARKER: str(folder),
        }
        self.sshd = Sshd(
            folder, reaper, address=address, session_env=session_env, extra_lines=sshd_lines
        )
        self.authorise_key()
        for program in _OWN_PROGRAMS:
            self.restore_program(program)
        if feed is GpsFeed.NO_GPSPIPE:
            self.remove_program("gpspipe")

    @property
    def port(self) -> int:
        """Port of its sshd."""
        return self.sshd.port

    @property
    def target(self) -> str:
        """`user@address:port`, as in NTP_CHECKER_HOSTS. Each host has an address of its own."""
        return f"{self.user}@{self.address}:{self.port}"

    @property
    def known_hosts_line(self) -> str:
        """The line of a known_hosts file that names its present host key."""
        return self.sshd.known_hosts_line

    def launch(self) -> None:
        """Starts what is not running, all at once, without waiting."""
        for part in (self.gpsd, self.chronyd, self.sshd):
            part.start()

    def wait_ready(self) -> None:
        """Waits until each of its daemons shows the wanted state. Raises RigError with its log."""
        for part in (self.gpsd, self.chronyd, self.sshd):
            part.wait_ready()

    def stop(self) -> None:
        """Ends all its processes, also those that were started over SSH."""
        self.sshd.stop()
        self.chronyd.stop()
        self.gpsd.stop()
        kill_pids(self.session_pids())

    def start_chronyd(self, state: ChronyState | None = None) -> None:
        """Starts chronyd again, in another state if one is given."""
        if state is not None:
            self.chronyd.stop()
            self.chronyd.state = state
        self.chronyd.start()
        self.chronyd.wait_ready()

    def change_clock_offset(self, clock_offset_s: float) -> None:
        """Restarts chronyd with a clock that is wrong by this much; positive = ahead."""
        self.chronyd.stop()
        self.chronyd.clock_offset_s = clock_offset_s
        self.start_chronyd()

    def stop_chronyd(self) -> None:
        """Takes chronyd down: chronyc says 506 Cannot talk to daemon."""
        self.chronyd.stop()

    def freeze_chronyd(self) -> None:
        """No answer from chronyd, while its sockets stay: chronyc hangs for seconds."""
        self.chronyd.freeze()

    def thaw_chronyd(self) -> None:
        """Goes on after freeze_chronyd()."""
        self.chronyd.thaw()

    def start_sshd(self) -> None:
        """Starts sshd again, at the same port with the same key."""
        self.sshd.start()
        self.sshd.wait_ready()

    def stop_sshd(self) -> None:
        """Connections are refused; running ones are cut."""
        self.sshd.stop()

    def change_host_key(self) -> None:
        """Another host key at the same address and port; known_hosts keeps the old one."""
        self.sshd.change_host_key()

    def authorise_key(self, options: str = "") -> None:
        """Lets the rig's key in, with options of authorized_keys(5) such as `restrict`."""
        line = f"{options} {self._login_key}".lstrip()
        self.sshd.authorized_keys_path.write_text(line + "\n", encoding="utf-8")

    def revoke_key(self) -> None:
        """No key may log in any more; running connections stay."""
        self.sshd.authorized_keys_path.write_text("", encoding="utf-8")

    def start_gpsd(self) -> None:
        """Starts gpsd again."""
        self.gpsd.start()
        self.gpsd.wait_ready()

    def stop_gpsd(self) -> None:
        """Takes gpsd down: gpspipe can't connect."""
        self.gpsd.stop()

    def replace_program(self, name: str, script: str) -> None:
        """Puts another program in the place of `chronyc`, `gpspipe` or any that is found on PATH."""
        new = self.bin / f".{name}.new"
        new.write_text(script, encoding="utf-8")
        new.chmod(0o755)
        new.replace(self.bin / name)

    def make_not_executable(self, name: str) -> None:
        """The program is there and may not be run: exit 126."""
        (self.bin / name).chmod(0o644)

    def remove_program(self, name: str) -> None:
        """The program is not installed: exit 127. For `chronyc` and `gpspipe`."""
        with suppress(FileNotFoundError):
            (self.bin / name).unlink()

    def restore_program(self, name: str) -> None:
        """The real `chronyc` or `gpspipe` again, each talking to this host's own daemon."""
        real = shlex.quote(str(find_part(name)))
        if name == "gpspipe":
            command = f'exec {real} "$@" 127.0.0.1:{self.gpsd.port}'
        else:
            socket = f"{self.chronyd.socket_path}," if self._uses_socket else ""
            command = f'exec {real} -h {socket}127.0.0.1 -p {self.chronyd.command_port} "$@"'
        self.replace_program(name, f"#!/bin/sh\n{command}\n")

    def session_pids(self) -> list[int]:
        """Processes on this host that were started over SSH and still run."""
        return marked_pids(self.folder)

    def wait_no_sessions(self, *, timeout_s: float) -> None:
        """Waits until nothing that was started over SSH runs any more. Raises RigError."""
        what = f"no process left on {self.name}"
        wait_until(lambda: not self.session_pids(), what, timeout_s=timeout_s)

    def logs(self) -> str:
        """What its daemons said, for a test that failed."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(
            f"--- {path.name} ---\n{path.read_text('utf-8', 'replace')}" for path in logs
        )

    @property
    def _uses_socket(self) -> bool:
        return self._chrony_access is ChronyAccess.SOCKET


def _system_path(rig_folder: Path) -> Sequence[str]:
    """The system's folders, but without the programs that only the rig may give.

    Where chrony or gpsd is installed, a folder of links to everything else stands in.
    """
    if not any(shutil.which(name, path=":".join(_SYSTEM_PATH)) for name in _OWN_PROGRAMS):
        return _SYSTEM_PATH
    links = rig_folder / "system-bin"
    if not links.is_dir():
        links.mkdir()
        for program in Path(_SYSTEM_PATH[0]).iterdir():
            if program.name not in _OWN_PROGRAMS:
                (links / program.name).symlink_to(program)
    return (str(links),)
