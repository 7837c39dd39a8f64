"""Connections to PostgreSQL, and what its errors mean for us.

Every session is in UTC, in autocommit (who calls a store function owns the transaction), and
finds out by itself when the network is cut without a word.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from ntp_checker.errors import PartitionMissing, RowsRefused, StoreError
from ntp_checker.store.conninfo import AnyUrl, conninfo_for
from ntp_checker.store.cutoff import check_connection

#: A server that does not take a cancelled statement's end in this time hangs.
CANCEL_S = 0.5


class CheckerConnection(psycopg.AsyncConnection[TupleRow]):
    """A connection of the checker's; whoever is cancelled on it is soon free."""

    async def cancel_safe(self, *, timeout: float = CANCEL_S) -> None:  # noqa: ASYNC109 - psycopg's
        """Ends the statement on the server; where it hangs, the connection instead.

        psycopg calls it when a task that waits for an answer is cancelled, and would wait for a
        frozen server 10 s. Raises psycopg.Error where the server did not take it.
        """
        try:
            await super().cancel_safe(timeout=min(timeout, CANCEL_S))
        except psycopg.Error:
            await self.close()
            raise


CheckerPool = AsyncConnectionPool[CheckerConnection]
ReaderConnection = psycopg.Connection[TupleRow]
ReaderPool = ConnectionPool[ReaderConnection]
#: What the dashboard changes something by; sync, as its reader's.
ActConnection = psycopg.Connection[TupleRow]
ActPool = ConnectionPool[ActConnection]

#: How long a caller waits for a connection of the pool.
CHECKOUT_TIMEOUT_S = 5.0
#: What the pool does in the background when it is closed; what takes longer is cancelled.
CLOSE_S = 0.25
#: The pool doubles its pauses between attempts without a cap; this ends a series of them. The
#: next caller begins a new one, so a healed database is found within seconds.
RECONNECT_TIMEOUT_S = 4.0

# Each statement sees what was committed before it, which marks and leases rely on. Compiling a
# statement takes longer than any of ours runs.
_CHECKER_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=30s -c lock_timeout=10s -c jit=off"
    " -c default_transaction_isolation=read\\ committed"
    " -c idle_in_transaction_session_timeout=60s -c client_min_messages=warning"
)
_ACT_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=10s -c lock_timeout=5s -c jit=off"
    " -c default_transaction_isolation=read\\ committed"
    " -c idle_in_transaction_session_timeout=30s"
)
_READER_OPTIONS = f"{_ACT_OPTIONS} -c default_transaction_read_only=on"


async def open_checker_pool(url: AnyUrl) -> CheckerPool:
    """The checker's pool; connects in the background, so it opens without a database, too.

    Raises ConfigError if `url` is no connection string.
    """
    _quiet_log()
    conninfo = partial(conninfo_for, url, application_name="ntp-checker", options=_CHECKER_OPTIONS)
    conninfo()
    pool = AsyncConnectionPool(
        conninfo,  # asked for each connection
        connection_class=CheckerConnection,
        kwargs={"autocommit": True},
        min_size=1,
        max_size=4,
        timeout=CHECKOUT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        name="checker",
        open=False,
    )
    await pool.open()
    return pool


def open_reader_pool(url: AnyUrl, *, max_size: int = 8) -> ReaderPool:
    """The dashboard's pool, read-only; each connection is tried before it is handed out.

    To be opened after the fork in a server that forks.
    """
    return _open_pool(url, _READER_OPTIONS, name="dashboard", max_size=max_size)


def open_act_pool(url: AnyUrl, *, max_size: int = 2) -> ActPool:
    """The dashboard's pool for what people and tokens change; otherwise as the reader's."""
    return _open_pool(url, _ACT_OPTIONS, name="dashboard acts", max_size=max_size)


def _open_pool(
    url: AnyUrl, options: str, *, name: str, max_size: int
) -> ConnectionPool[psycopg.Connection[TupleRow]]:
    _quiet_log()
    conninfo = partial(conninfo_for, url, application_name=f"ntp-checker {name}", options=options)
    conninfo()
    return ConnectionPool(
        conninfo,  # asked for each connection
        connection_class=psycopg.Connection[TupleRow],
        kwargs={"autocommit": True},
        min_size=1,
        max_size=max_size,
        timeout=CHECKOUT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        check=check_connection,
        name=name,
        open=True,
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns psycopg's errors into ours, in one line, with the cause kept.

    PartitionMissing: a row's day has none. RowsRefused: a value that PostgreSQL will never take.
    StoreError: all else, and another try may help.
    """
    try:
        yield
    except errors.CheckViolation as err:
        # A row that no partition takes has the same code, but names no constraint.
        if err.diag.constraint_name:
            raise RowsRefused(_one_line(err)) from err
        raise PartitionMissing(_one_line(err)) from err
    except (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded) as err:
        raise RowsRefused(_one_line(err)) from err
    except UnicodeEncodeError as err:
        raise RowsRefused(f"text that UTF-8 cannot carry: {err.object[:80]!a}") from err
    except psycopg.Error as err:
        raise StoreError(_one_line(err)) from err


def _one_line(err: psycopg.Error) -> str:
    """The server's first line; libpq's own messages may have several, with one attempt each."""
    text = err.diag.message_primary or str(err) or type(err).__name__
    return " ".join(text.split())


def _quiet_log() -> None:
    # It warns at every attempt to connect and every connection that breaks; the callers say once
    # that the database is away.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
