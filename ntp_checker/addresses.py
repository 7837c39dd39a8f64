"""Which watched host has which IP address: what is written as one, and what names resolve to.

A host's clients name it by its address, and that is how their loss is explained. Names are looked
up beside everything else, now and then; one that is not found keeps what was known of it.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from threading import Event, Thread

import structlog

from ntp_checker.model import Host
from ntp_checker.upstream import canonical

log = structlog.get_logger()

#: Addresses hardly ever change; a server that was moved is known by its new one soon enough.
REFRESH_S = 600.0

#: The addresses of a name; raises OSError.
Resolve = Callable[[str], frozenset[str]]


def resolve(name: str) -> frozenset[str]:
    """By the system's resolver, which may take its time. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    return frozenset(canonical(str(address[0]).partition("%")[0]) for *_, address in found)


class AddressBook:
    """Follows the addresses of the watched hosts."""

    def __init__(self, resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._names: Mapping[str, str] = {}  # host's name: what it is reached by
        self._resolved: dict[str, frozenset[str]] = {}
        self._has_changed = asyncio.Event()
        #: Names of hosts by address; a host that is not resolved yet is not there.
        self.hosts_at: Mapping[str, frozenset[str]] = {}

    def watch(self, hosts: Sequence[Host]) -> None:
        """Afterwards these hosts are in the book, as far as their addresses are known."""
        self._names = {host.name: host.address for host in hosts if not host.is_local}
        names = set(self._names.values())
        self._resolved = {name: of for name, of in self._resolved.items() if name in names}
        self._put_together()
        self._has_changed.set()

    async def keep_current(self) -> None:
        """Looks up what are names, at once after a change and every ten minutes. Never ends."""
        while True:
            self._has_changed.clear()
            await self.look_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S):
                    await self._has_changed.wait()

    async def look_up(self) -> None:
        """Looks up each name once, one after the other."""
        names = sorted({name for name in self._names.values() if not _is_literal(name)})
        if not names:
            return
        loop, stop = asyncio.get_running_loop(), Event()
        done: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not done.done():
                done.set_result(None)

        def work() -> None:
            # A loop that is closed wants to know nothing any more.
            with suppress(RuntimeError):
                for name in names:
                    if stop.is_set():
                        return
                    try:
                        found = self._resolve(name)
                    except (OSError, UnicodeError) as error:
                        log.debug("address not found", name=name, reason=str(error))
                    else:
                        loop.call_soon_threadsafe(partial(self._take, name, found))
                loop.call_soon_threadsafe(end)

        # A thread of its own: a resolver that hangs holds up no look, and no stop.
        Thread(target=work, name="addresses", daemon=True).start()
        try:
            await done
        finally:
            stop.set()

    def _take(self, name: str, addresses: frozenset[str]) -> None:
        if self._resolved.get(name) != addresses and name in self._names.values():
            self._resolved[name] = addresses
            self._put_together()

    def _put_together(self) -> None:
        hosts_at: dict[str, set[str]] = {}
        for host, name in self._names.items():
            literal = frozenset({canonical(name)}) if _is_literal(name) else frozenset()
            for address in literal or self._resolved.get(name, frozenset()):
                hosts_at.setdefault(address, set()).add(host)
        self.hosts_at = {address: frozenset(hosts) for address, hosts in hosts_at.items()}


def _is_literal(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
