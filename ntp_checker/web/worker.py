"""gunicorn's threaded worker, with one rule more: a thread is only given to a whole request head.

As it comes, eight clients that send their head a byte a second hold all eight threads for as long
as they like, and nobody else is served.
"""

import contextlib
import socket
import struct
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import (  # type: ignore[import-untyped]  # it has none
    TConn,
    ThreadWorker,
)

#: from the connection's first byte to the end of its request's head
HEAD_LIMIT_S = 10.0
#: a reader that takes nothing for this long is cut off
SEND_LIMIT_S = 10
#: how often incomplete heads are looked at again
_LOOK_AGAIN_S = 0.05
#: more than this is handed on, for gunicorn's own limits to refuse
_HEAD_MAX_BYTES = 32 * 1024
_HEAD_END = b"\r\n\r\n"


class HeadFirstWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Collects heads in the event loop; threads only ever see requests that are there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  -- gunicorn's own
        super().__init__(*args, **kwargs)
        #: connections whose head has begun, and until when it must be whole
        self._begun: dict[TConn, float] = {}

    def enqueue_req(self, conn: TConn) -> None:
        """Called for new and kept connections: waits for the head first."""
        conn.data_ready = True
        if conn.parser is not None and conn.parser.unreader.buf.getvalue():
            super().enqueue_req(conn)  # gunicorn has read ahead into this request
            return
        conn.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_LIMIT_S, 0)
        )
        self._begun.setdefault(conn, time.monotonic() + HEAD_LIMIT_S)
        self._look(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of the event loop, a short one while heads are incomplete."""
        super().wait_for_and_dispatch_events(
            min(timeout, _LOOK_AGAIN_S) if self._begun else timeout
        )
        now = time.monotonic()
        for conn, deadline in list(self._begun.items()):
            if now > deadline:
                self._drop(conn)
            elif not self._is_registered(conn):
                self._look(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:  # noqa: ANN401  -- gunicorn's own
        """Serves it; a connection with a body nobody reads is closed instead of drained."""
        is_kept = bool(super().handle_request(req, conn))
        has_body = any(
            name == "TRANSFER-ENCODING" or (name == "CONTENT-LENGTH" and value.strip() != "0")
            for name, value in req.headers
        )
        return is_kept and not has_body

    def _look(self, conn: TConn) -> None:
        """Hands the connection on if its head is whole, else waits for more of it."""
        try:
            head = conn.sock.recv(_HEAD_MAX_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_readable, conn))
            return
        except OSError:
            self._drop(conn)
            return
        # An empty head is a closed connection: the thread says goodbye to it.
        if not head or _HEAD_END in head or len(head) >= _HEAD_MAX_BYTES:
            del self._begun[conn]
            super().enqueue_req(conn)

    def _on_readable(self, conn: TConn, _client: socket.socket) -> None:
        self.poller.unregister(conn.sock)
        self._look(conn)

    def _is_registered(self, conn: TConn) -> bool:
        return conn.sock in self.poller.get_map()

    def _drop(self, conn: TConn) -> None:
        del self._begun[conn]
        with contextlib.suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
