"""Servers that are no SSH server, each in its own way."""

import select
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum

from tests.rig.processes import free_tcp_port

_DRIP_S = 1.0
_CHUNK_BYTES = 64 * 1024
_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
    b"<html><body>400 Bad Request</body></html>\r\n"
)
_BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"
_NOISE = b"Authorised use only. " * 50 + b"\r\n"


class ServerFault(Enum):
    """What a faulty server does to its clients."""

    SILENT = "silent"  #: takes the connection and says nothing
    DRIP = "drip"  #: one byte of a banner a second
    ENDLESS_BANNER = "endless_banner"  #: lines before the version, without end
    HTTP = "http"  #: a web server's answer
    CLOSED = "closed"  #: the connection is closed at once
    RESET = "reset"  #: the connection is reset at once
    BLACK_HOLE = "black_hole"  #: no connection is ever taken


class FaultyServer:
    """One of them at one address, from a thread of its own."""

    def __init__(self, address: str, fault: ServerFault) -> None:
        self.address, self.fault = address, fault
        self.port = free_tcp_port(address)
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, self.port))
        self._clients: list[socket.socket] = []
        self._stop_read, self._stop_write = socket.socketpair()
        if fault is ServerFault.BLACK_HOLE:
            self._fill_backlog()
        else:
            self._listener.listen(64)
        self._thread = threading.Thread(target=self._serve, name="faulty server", daemon=True)
        self._thread.start()

    @property
    def target(self) -> str:
        """`address:port`, as in NTP_CHECKER_HOSTS."""
        return f"{self.address}:{self.port}"

    def close(self) -> None:
        """Ends it and its connections."""
        if not self._thread.is_alive():
            return
        self._stop_write.send(b".")
        self._thread.join(timeout=5)
        for sock in (*self._clients, self._listener, self._stop_read, self._stop_write):
            sock.close()

    def _fill_backlog(self) -> None:
        """Behind a full queue the kernel drops what comes: a connect waits without an answer."""
        self._listener.listen(0)
        for _ in range(4):
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect((self.address, self.port))
            self._clients.append(client)

    def _serve(self) -> None:
        dripped = 0
        listening = [] if self.fault is ServerFault.BLACK_HOLE else [self._listener]
        while True:
            talks = self.fault in (ServerFault.ENDLESS_BANNER, ServerFault.DRIP)
            pause_s = _DRIP_S if self.fault is ServerFault.DRIP else 0.001
            wait_s = pause_s if talks and self._clients else None
            ready, _, _ = select.select([self._stop_read, *listening], [], [], wait_s)
            if self._stop_read in ready:
                return
            if self._listener in ready:
                self._welcome(self._listener.accept()[0])
            if talks and not ready:
                # Never the line's end: the version it promises does not come.
                drop = _BANNER[dripped % 8 : dripped % 8 + 1]
                self._say(_NOISE if self.fault is ServerFault.ENDLESS_BANNER else drop)
                dripped += 1

    def _welcome(self, client: socket.socket) -> None:
        if self.fault is ServerFault.RESET:
            _reset(client)
        elif self.fault is ServerFault.CLOSED:
            client.close()
        elif self.fault is ServerFault.HTTP:
            with suppress(OSError):
                client.sendall(_HTTP)
            client.close()
        else:
            client.setblocking(False)
            self._clients.append(client)

    def _say(self, words: bytes) -> None:
        for client in list(self._clients):
            try:
                client.send(words)
            except BlockingIOError:  # it reads slower than we talk
                continue
            except OSError:  # it had enough
                client.close()
                self._clients.remove(client)


def _reset(sock: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
