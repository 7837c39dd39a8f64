"""An end to waiting for a server that does not answer at all. Sync.

`statement_timeout` is the server's own: frozen, or behind a network that was cut without a word,
it never comes, and on a unix socket TCP's limits do not hold either.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

#: how long a connection of the pool may take to show that it is alive
CHECK_LIMIT_S = 2.0


@contextmanager
def cut_off_after(connection: psycopg.Connection[Any], limit_s: float) -> Iterator[None]:
    """Ends the connection if the block takes longer; whoever waits on it gets OperationalError."""
    lock, is_done = threading.Lock(), False

    def cut() -> None:
        # Under the lock, the descriptor can't have become another connection's.
        with lock:
            if not is_done and not connection.closed:
                with socket.socket(fileno=os.dup(connection.fileno())) as twin:
                    twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            is_done = True
        timer.cancel()


def check_connection(connection: psycopg.Connection[Any]) -> None:
    """For the pool: raises psycopg.OperationalError unless the server answers in time."""
    with cut_off_after(connection, CHECK_LIMIT_S):
        connection.execute("")
