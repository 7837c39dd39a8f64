"""The real sshd of one host: its own host key, port and authorised keys, run as ourselves."""

import functools
import os
import pwd
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from tests.rig.parts import account_library, find_part, openssh_version, unpacked_tree
from tests.rig.processes import Daemon, Reaper, RigError, free_tcp_port
from tests.rig.reaper import kill_pids, process_tree

_NO_LOGIN = ("nologin", "false", "sync")
#: As root sshd wants an account `sshd` and a folder in /run. Where root may mount, both are made in
#: a mount namespace, so that the machine stays as it is. A locked password would shut root's account.
_ROOT_SCRIPT = """
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
[ -d /run/sshd ] || { mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/sshd; }
shift
exec "$@"
"""


def account() -> pwd.struct_passwd:
    """The account that sessions of the rig log in to: the one the tests run as.

    Raises RigError if it has no login shell.
    """
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        raise RigError(f"uid {os.getuid()} has no account, so sshd lets nobody in") from None
    if Path(entry.pw_shell).name in _NO_LOGIN and os.getuid() != 0:
        raise RigError(f"the account {entry.pw_name} has no login shell: {entry.pw_shell}")
    return entry


def make_key(path: Path) -> None:
    """Writes an ed25519 key without a passphrase to `path` and `path`.pub."""
    for old in (path, path.with_suffix(".pub")):
        with suppress(FileNotFoundError):
            old.unlink()
    subprocess.run(
        [find_part("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


class Sshd:
    """One sshd."""

    def __init__(
        self,
        folder: Path,
        reaper: Reaper,
        *,
        address: str,
        session_env: Mapping[str, str],
        extra_lines: Sequence[str] = (),
    ) -> None:
        self.address = address
        self.extra_lines = tuple(extra_lines)  #: of sshd_config, in place of ours
        self.port = free_tcp_port(address)
        self.host_key_path = folder / "host_key"
        self.authorized_keys_path = folder / "authorized_keys"
        self._folder = folder
        self._reaper = reaper
        self._session_env = dict(session_env)
        self._daemon: Daemon | None = None
        make_key(self.host_key_path)

    @property
    def known_hosts_line(self) -> str:
        """The line of a known_hosts file that names this sshd's present key."""
        key_type, key = self.host_key_path.with_suffix(".pub").read_text("ascii").split()[:2]
        return f"[{self.address}]:{self.port} {key_type} {key}\n"

    def start(self) -> None:
        """Starts it, without waiting."""
        if self._daemon is not None:
            return
        config = self._folder / "sshd_config"
        config.write_text("\n".join(self._config_lines()) + "\n", encoding="ascii")
        argv = [str(find_part("sshd")), "-D", "-e", "-f", str(config)]
        if os.getuid() == 0:
            argv = self._as_root(argv)
        self._daemon = Daemon("sshd", argv, log_path=self._folder / "sshd.log", reaper=self._reaper)

    def wait_ready(self) -> None:
        """Waits until this very sshd listens: its own log says so, and the port has a banner."""
        if self._daemon is None:
            return
        listening = f"Server listening on {self.address} port {self.port}."
        daemon = self._daemon
        daemon.wait_ready(lambda: listening in daemon.log(), listening)
        daemon.wait_ready(self._has_banner, f"banner at {self.address}:{self.port}")

    def stop(self) -> None:
        """Refuses connections, and the running ones are cut."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def cut_connections(self) -> None:
        """Ends the running ones; new ones are taken all the while."""
        pid = self._running().pid
        kill_pids([child for child in process_tree(pid) if child != pid])

    def freeze(self) -> None:
        """Connections are taken by the kernel, and nothing is said on them."""
        self._running().freeze()

    def thaw(self) -> None:
        """Goes on after freeze()."""
        self._running().thaw()

    def change_host_key(self) -> None:
        """Another key at the same address and port, as after a reinstallation."""
        self.stop()
        make_key(self.host_key_path)
        self.start()
        self.wait_ready()

    def _running(self) -> Daemon:
        if self._daemon is None:
            raise RigError("sshd is not running")
        return self._daemon

    def _has_banner(self) -> bool:
        try:
            with closing(socket.create_connection((self.address, self.port), 1.0)) as link:
                return link.recv(8).startswith(b"SSH-2.0-")
        except (ConnectionError, TimeoutError):
            return False

    def _config_lines(self) -> list[str]:
        lines = [
            f"ListenAddress {self.address}",
            f"Port {self.port}",
            f"HostKey {self.host_key_path}",
            f"AuthorizedKeysFile {self.authorized_keys_path}",
            f"PidFile {self._folder / 'sshd.pid'}",
            "SetEnv " + " ".join(f"{key}={value}" for key, value in self._session_env.items()),
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UseDNS no",
            "PrintMotd no",
            "PrintLastLog no",
            "MaxStartups 200",
            "MaxSessions 100",
        ]
        # A test that is refused on purpose must not shut out the next one.
        if openssh_version() >= (9, 8):
            lines.append("PerSourcePenalties no")
        # Its own programs, where sshd is unpacked: their paths are compiled in.
        tree = unpacked_tree("sshd")
        for name, since in (("sshd-session", (9, 8)), ("sshd-auth", (10, 0))):
            if tree is not None and openssh_version() >= since:
                keyword = "".join(word.capitalize() for word in name.split("-")) + "Path"
                lines.append(f"{keyword} {tree}/usr/lib/openssh/{name}")
        # Of some keywords sshd takes the first line, of MaxStartups the last.
        replaced = {line.split()[0] for line in self.extra_lines}
        return [line for line in lines if line.split()[0] not in replaced] + [*self.extra_lines]

    def _as_root(self, argv: list[str]) -> list[str]:
        """Gives sshd the account and the folder it wants as root, seen by nobody else."""
        shell = account().pw_shell
        usable = "/bin/sh" if Path(shell).name in _NO_LOGIN or not shell else shell
        lines = [f"root:x:0:0:root:{account().pw_dir}:{usable}"]
        lines += ["sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin"]
        lines += [
            f"{e.pw_name}:x:{e.pw_uid}:{e.pw_gid}:{e.pw_gecos}:{e.pw_dir}:{e.pw_shell}"
            for e in pwd.getpwall()
            if e.pw_name not in ("root", "sshd")
        ]
        passwd, shadow = self._folder / "passwd", self._folder / "shadow"
        passwd.write_text("\n".join(lines) + "\n", encoding="utf-8")
        shadow.write_text("root:*:19000:0:99999:7:::\n", encoding="ascii")
        if _may_mount():
            script = ["unshare", "-m", "--propagation", "private", "sh", "-euc", _ROOT_SCRIPT, "sh"]
            return [*script, str(self._folder), *argv]
        # A container's root: another library answers for the account, and /run is the container's.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        variables = [
            f"LD_PRELOAD={account_library()}",
            f"NSS_WRAPPER_PASSWD={passwd}",
            f"NSS_WRAPPER_SHADOW={shadow}",
            "NSS_WRAPPER_GROUP=/etc/group",
        ]
        return ["env", *variables, *argv]


@functools.cache
def _may_mount() -> bool:
    probe = ["unshare", "-m", "--propagation", "private", "true"]
    return subprocess.run(probe, capture_output=True).returncode == 0
