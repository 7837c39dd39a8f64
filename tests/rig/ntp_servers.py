"""NTP servers that say what a test wants: wrong, jittery, unsynchronised, far from their root.

The answers are timed by the kernel's receive timestamps, so that a busy machine makes no jitter.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

from tests.rig.processes import free_udp_port

#: chronyd refuses two sources at one address.
SERVER_ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
#: Source: RFC 5905, 7.3: LI and version and mode, stratum, poll, precision, root delay, root
#: dispersion, reference id, and the reference, origin, receive and transmit timestamps.
_PACKET = struct.Struct("!BBBbIIIQQQQ")
_VERSION, _CLIENT_MODE, _SERVER_MODE = 4, 3, 4
_PRECISION_LOG2_S = -20
_REFID = int.from_bytes(b"TEST", "big")
_EPOCH_1900_S = 2_208_988_800
_SECOND_NS = 1_000_000_000
#: Source: socket(7) and asm-generic/socket.h; Python names it from 3.15 on.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")


class LeapBits(IntEnum):
    """Leap indicator of a packet. Source: RFC 5905, 7.3."""

    NORMAL = 0
    INSERT_SECOND = 1
    DELETE_SECOND = 2
    NOT_SYNCHRONISED = 3


@dataclass(frozen=True, kw_only=True)
class NtpReply:
    """What one server says."""

    offset_s: float = 0.0  #: positive = the server's clock is ahead
    jitter_s: float = 0.0  #: every other answer is this much later, the rest this much earlier
    stratum: int = 1  #: 0 or 16: not synchronised
    leap: LeapBits = LeapBits.NORMAL
    root_delay_s: float = 0.0
    root_dispersion_s: float = 0.0001


class NtpServers:
    """Servers at one port of three loopback addresses; from a thread of their own."""

    def __init__(self, *replies: NtpReply) -> None:
        """One reply for each address; a single one is everybody's."""
        self.replies = list(replies if len(replies) > 1 else replies * len(SERVER_ADDRESSES))
        addresses = SERVER_ADDRESSES[: len(self.replies)]
        self.port = free_udp_port(*addresses)
        self._answers = [0] * len(self.replies)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in addresses]
        for sock, address in zip(self._sockets, addresses, strict=True):
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            sock.setblocking(False)
            sock.bind((address, self.port))
        self._stop_read, self._stop_write = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="ntp servers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """They fall silent, and the port is free again."""
        if not self._thread.is_alive():
            return
        self._stop_write.send(b".")
        self._thread.join(timeout=5)
        for sock in (*self._sockets, self._stop_read, self._stop_write):
            sock.close()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._stop_read, *self._sockets], [], [])
            if self._stop_read in ready:
                return
            for number, sock in enumerate(self._sockets):
                if sock in ready:
                    with suppress(OSError):  # the client is gone meanwhile
                        self._answer(number, sock)

    def _answer(self, number: int, sock: socket.socket) -> None:
        reply = self.replies[number]
        request, ancillary, _, client = sock.recvmsg(1024, socket.CMSG_SPACE(_TIMESPEC.size))
        if len(request) < _PACKET.size or request[0] & 7 != _CLIENT_MODE:
            return
        self._answers[number] += 1
        jitter_s = reply.jitter_s if self._answers[number] % 2 else -reply.jitter_s
        wrong_by_ns = round((reply.offset_s + jitter_s) * _SECOND_NS)
        received_ns = _received_ns(ancillary) + wrong_by_ns
        sock.sendto(
            _PACKET.pack(
                reply.leap << 6 | _VERSION << 3 | _SERVER_MODE,
                reply.stratum,
                request[2],
                _PRECISION_LOG2_S,
                _short(reply.root_delay_s),
                _short(reply.root_dispersion_s),
                _REFID,
                _timestamp(received_ns - _SECOND_NS),
                int.from_bytes(request[40:48], "big"),
                _timestamp(received_ns),
                _timestamp(time.time_ns() + wrong_by_ns),
            ),
            client,
        )


def _received_ns(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return int(seconds) * _SECOND_NS + int(nanoseconds)
    return time.time_ns()


def _short(seconds: float) -> int:
    """16 bits of seconds and 16 of their fraction."""
    return round(seconds * 2**16)


def _timestamp(unix_ns: int) -> int:
    """Seconds since 1900 and 32 bits of their fraction."""
    seconds, nanoseconds = divmod(unix_ns, _SECOND_NS)
    return (seconds + _EPOCH_1900_S) % 2**32 << 32 | (nanoseconds << 32) // _SECOND_NS
