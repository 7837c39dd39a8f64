"""A fleet of real hosts on this machine's loopback, gone without a trace afterwards."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from tests.rig.chrony import Blackhole, Chronyd, ChronyState, References
from tests.rig.faulty_link import Cut, FaultyLink
from tests.rig.faulty_server import FaultyServer, ServerFault
from tests.rig.host import ChronyAccess, RigHost
from tests.rig.nmea import GpsFeed
from tests.rig.ntp_servers import NtpReply, NtpServers
from tests.rig.parts import find_part
from tests.rig.processes import Reaper, RigError
from tests.rig.sshd import make_key

#: Hosts get 127.0.2.1, 127.0.2.2, ...: a host's default name is its address, so it has its own.
_FIRST_NETWORK = 2
_HOSTS_PER_NETWORK = 250
_PARTS = ("sshd", "ssh", "ssh-keygen", "chronyd", "chronyc", "gpsd", "gpspipe")


class Rig:
    """Real sshd, chronyd and gpsd for any number of hosts; a context manager.

    Nothing is installed, no clock is touched, and everything ends with the `with` block, or with
    this process, however that ends.
    """

    def __enter__(self) -> Self:
        self._hosts_made = 0
        self._references_made = 0
        for program in _PARTS:
            find_part(program)  # fetched now, if need be: no host's start waits for a download
        self._stack = ExitStack()
        with self._stack:
            self._reaper = Reaper()
            self._stack.callback(self._reaper.close)
            self.folder = self._reaper.folder
            self.ssh_key_path = self.folder / "login_key"
            self.known_hosts_path = self.folder / "known_hosts"
            self.known_hosts_path.touch()
            make_key(self.ssh_key_path)
            self._blackhole = Blackhole()
            self._stack.callback(self._blackhole.close)
            self.hosts: dict[str, RigHost] = {}
            self.references = self.new_references()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def host(
        self,
        name: str,
        *,
        clock_offset_s: float = 0.0,
        chrony: ChronyState = ChronyState.HEALTHY,
        gps: GpsFeed = GpsFeed.NONE,
        chrony_access: ChronyAccess = ChronyAccess.COMMAND_PORT,
        chrony_lines: Sequence[str] = (),
        references: References | NtpServers | None = None,
        sshd_lines: Sequence[str] = (),
        date_shift_s: float = 0.0,
    ) -> RigHost:
        """A new host, started and in the wanted state.

        `clock_offset_s` is positive when the host's clock is ahead. `chrony_lines` are added to
        its chrony.conf, `sshd_lines` to its sshd_config. `references` of its own (new_references,
        new_servers) can be stopped without the other hosts losing theirs. By `date_shift_s` its
        chronyd believes in a later date. Raises RigError with the log of what did not start.
        """
        host = self._launch(
            name,
            clock_offset_s,
            chrony,
            gps,
            chrony_access,
            chrony_lines,
            references,
            sshd_lines,
            date_shift_s,
        )
        host.wait_ready()
        return host

    def group(self, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, RigHost]:
        """Hosts by name, each with the arguments of host(), started all at once."""
        hosts = {name: self._launch(name, **arguments) for name, arguments in wanted.items()}
        for host in hosts.values():
            host.wait_ready()
        return hosts

    def fleet(self, count: int) -> list[RigHost]:
        """Healthy hosts gps1, gps2, ..., started all at once; the first has a GPS with a 3D fix."""
        hosts = []
        for number in range(1, count + 1):
            gps = GpsFeed.FIX_3D if number == 1 else GpsFeed.NONE
            hosts.append(self._launch(f"gps{number}", gps=gps))
        for host in hosts:
            host.wait_ready()
        return hosts

    def _launch(
        self,
        name: str,
        clock_offset_s: float = 0.0,
        chrony: ChronyState = ChronyState.HEALTHY,
        gps: GpsFeed = GpsFeed.NONE,
        chrony_access: ChronyAccess = ChronyAccess.COMMAND_PORT,
        chrony_lines: Sequence[str] = (),
        references: References | NtpServers | None = None,
        sshd_lines: Sequence[str] = (),
        date_shift_s: float = 0.0,
    ) -> RigHost:
        if name in self.hosts:
            raise RigError(f"the rig has a host {name} already")
        self._hosts_made += 1
        folder = self.folder / f"h{self._hosts_made}"
        folder.mkdir(mode=0o700)
        listens_to = references or self.references
        chronyd = Chronyd(
            folder,
            self._reaper,
            state=chrony,
            references_port=listens_to.port,
            blackhole_port=self._blackhole.port,
            clock_offset_s=clock_offset_s,
            extra_lines=chrony_lines,
            date_shift_s=date_shift_s,
        )
        host = RigHost(
            name,
            address=self._address(),
            folder=folder,
            reaper=self._reaper,
            login_key=self.ssh_key_path.with_suffix(".pub").read_text("ascii").strip(),
            chronyd=chronyd,
            references=listens_to,
            feed=gps,
            chrony_access=chrony_access,
            sshd_lines=sshd_lines,
        )
        self._stack.callback(host.stop)
        host.launch()
        self._trust(host.known_hosts_line)
        self.hosts[name] = host
        return host

    def _address(self) -> str:
        """Of the newest host."""
        network, number = divmod(self._hosts_made - 1, _HOSTS_PER_NETWORK)
        return f"127.0.{_FIRST_NETWORK + network}.{number + 1}"

    def _trust(self, known_hosts_line: str) -> None:
        with self.known_hosts_path.open("a", encoding="ascii") as known_hosts:
            known_hosts.write(known_hosts_line)

    def retire(self, host: RigHost) -> None:
        """Stops a host for good. Its line in known_hosts stays; no later host has its address."""
        host.stop()
        shutil.rmtree(host.folder)
        del self.hosts[host.name]

    def new_references(self, *, stratum: int = 1) -> References:
        """Three more reference servers, started; a host of them is one stratum below."""
        self._references_made += 1
        folder = self.folder / f"r{self._references_made}"
        folder.mkdir(mode=0o700)
        references = References(folder, self._reaper, stratum=stratum)
        self._stack.callback(references.stop)
        references.start()
        return references

    def new_servers(self, *replies: NtpReply) -> NtpServers:
        """Three servers that say what they are told to, right or wrong."""
        servers = NtpServers(*replies)
        self._stack.callback(servers.stop)
        return servers

    def new_faulty_server(self, fault: ServerFault) -> FaultyServer:
        """A server that is no SSH server, at an address of its own."""
        self._hosts_made += 1
        server = FaultyServer(self._address(), fault)
        self._stack.callback(server.close)
        return server

    def new_faulty_link(self, host: RigHost, cut: Cut, *, after_bytes: int) -> FaultyLink:
        """A port beside the host's own that leads to its sshd; known_hosts has it."""
        link = FaultyLink((host.address, host.port), cut, after_bytes)
        self._stack.callback(link.close)
        self._trust(host.known_hosts_line.replace(f":{host.port} ", f":{link.port} "))
        return link

    def stop_references(self) -> None:
        """All hosts with the rig's own references lose their sources while they run."""
        self.references.stop()

    def start_references(self) -> None:
        """The rig's own references serve again, at the same port."""
        self.references.start()

    def env(self) -> dict[str, str]:
        """The product's settings for logging in to the rig's hosts."""
        return {
            "NTP_CHECKER_SSH_KEY_PATH": str(self.ssh_key_path),
            "NTP_CHECKER_SSH_KNOWN_HOSTS_PATH": str(self.known_hosts_path),
        }
