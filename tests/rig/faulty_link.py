"""A link to a real server that fails after so many bytes."""

import select
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum

from tests.rig.processes import free_tcp_port

_CHUNK_BYTES = 64 * 1024


class Cut(Enum):
    """What a cut link looks like from its ends."""

    RESET = "reset"  #: both ends are told
    SILENCE = "silence"  #: nobody is told, as when a cable is pulled


class FaultyLink:
    """A port that leads to a server, and each connection of it only so far."""

    def __init__(self, server: tuple[str, int], cut: Cut, after_bytes: int) -> None:
        """Cut as soon as the server has said `after_bytes` bytes on a connection."""
        self.cut, self.after_bytes = cut, after_bytes
        self.cuts = 0  #: connections cut so far
        self.address = server[0]
        self.port = free_tcp_port(self.address)
        self._server = server
        self._listener = socket.create_server((self.address, self.port))
        self._stop_read, self._stop_write = socket.socketpair()  # once written, readable for all
        self._pull_read, self._pull_write = socket.socketpair()  # the same
        self._threads = [threading.Thread(target=self._serve, name="faulty link", daemon=True)]
        self._threads[0].start()

    def pull(self) -> None:
        """Cuts every connection now, in silence: neither end is told, however long it waits."""
        self._pull_write.send(b".")

    def close(self) -> None:
        """Ends it and its connections."""
        if not self._threads[0].is_alive():
            return
        self._stop_write.send(b".")
        for thread in self._threads:
            thread.join(timeout=5)
        pairs = (self._stop_read, self._stop_write, self._pull_read, self._pull_write)
        for sock in (self._listener, *pairs):
            sock.close()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._stop_read, self._listener], [], [])
            if self._stop_read in ready:
                return
            client, _ = self._listener.accept()
            thread = threading.Thread(target=self._carry, args=[client], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._server, 5.0) as server:
            left = self.after_bytes
            while left > 0:
                stops = [self._stop_read, self._pull_read]
                ready, _, _ = select.select([*stops, client, server], [], [])
                if self._pull_read in ready:
                    select.select([self._stop_read], [], [])
                if self._stop_read in ready or self._pull_read in ready:
                    return
                for source, sink in ((client, server), (server, client)):
                    if source not in ready:
                        continue
                    words = source.recv(
                        min(left, _CHUNK_BYTES) if source is server else _CHUNK_BYTES
                    )
                    if not words:
                        return
                    sink.sendall(words)
                    left -= len(words) if source is server else 0
            self.cuts += 1
            if self.cut is Cut.SILENCE:
                select.select([self._stop_read], [], [])
            for end in (client, server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
