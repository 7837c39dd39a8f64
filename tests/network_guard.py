"""pytest plugin: a test that reaches for anything but this machine fails with the address."""

import ipaddress
import socket
import sys
from typing import Any

#: audit events of the interpreter: no socket escapes them, whichever library opened it
_ADDRESS_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUP_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
#: what a listener asks for: every address of this machine
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  -- looked up, not listened on


class NetworkBlockedError(AssertionError):
    """A test tried to leave this machine."""


def refuse_foreign_address(event: str, arguments: tuple[Any, ...]) -> None:
    """Raises NetworkBlockedError for an address outside 127.0.0.0/8 and ::1, and for its lookup."""
    if event in _LOOKUP_EVENTS:
        host = arguments[0]
        if host is None or host in _WILDCARDS:
            return
    elif event in _ADDRESS_EVENTS and len(arguments) > 1:
        opened, address = arguments[:2]
        if opened.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return
        host = address[0]
    else:
        return
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    try:
        is_here = ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        is_here = name == "localhost"
    if not is_here:
        raise NetworkBlockedError(f"tests may only talk to this machine, not to {name}")


sys.addaudithook(refuse_foreign_address)
