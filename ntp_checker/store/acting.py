"""The connection with which the dashboard and the commands change something. Sync."""

from collections.abc import Iterator
from contextlib import contextmanager

from ntp_checker.store.pool import ActConnection, ActPool
from ntp_checker.store.reads import bounded_transaction


@contextmanager
def acting(pool: ActPool, *, limit_s: float) -> Iterator[ActConnection]:
    """A connection in a transaction that may write and takes little longer than `limit_s`.

    What was done is in the database once the block has ended without an error. Raises as
    `reading` does, and RowsRefused for a value that the database does not take.
    """
    with bounded_transaction(pool, limit_s=limit_s) as connection:
        yield connection
