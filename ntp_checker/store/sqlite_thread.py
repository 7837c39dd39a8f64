"""One thread that owns a SQLite connection; async callers wait for its commits."""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ntp_checker.errors import StoreError

#: How long the first call of a shared commit waits for others. With the commit itself it keeps a
#: caller under 20 ms on a disk that syncs in 10.
LINGER_S = 0.010
COMMIT_CALLS = 500
#: Calls that may wait for the thread: at 10,000 hosts, two of each.
QUEUE_CALLS = 20_000

Work = Callable[[sqlite3.Connection], Any]
#: Told the result of a commit, in the caller's loop, also if the caller was cancelled meanwhile.
After = Callable[[Any], None]


def _nothing(_: object) -> None:
    """For work that leaves nothing to be noted."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Work for the thread, and who waits for it."""

    work: Work
    after: After
    joins_commit: bool
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Any]"


class SqliteThread:
    """Runs calls in order, each in a transaction, small ones many to a commit."""

    def __init__(self, conn: sqlite3.Connection, *, name: str) -> None:
        self._conn = conn  # of the thread alone from here on
        self._name = name
        self._calls: queue.Queue[_Call | None] = queue.Queue(maxsize=QUEUE_CALLS)
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="sqlite", daemon=True)
        self._thread.start()

    async def run(self, work: Work, after: After = _nothing) -> Any:  # noqa: ANN401
        """What `work` returned, once its own transaction is on disk. Raises StoreError."""
        return await self._submit(work, after, joins_commit=False)

    async def run_joined(self, work: Work, after: After = _nothing) -> Any:  # noqa: ANN401
        """The same, in one transaction with others of its kind: all are on disk, or none."""
        return await self._submit(work, after, joins_commit=True)

    async def close(self) -> None:
        """Finishes what waits and closes the connection."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._calls.put, None)
        await asyncio.to_thread(self._thread.join)

    async def _submit(self, work: Work, after: After, *, joins_commit: bool) -> Any:  # noqa: ANN401
        if self._is_closed:
            raise StoreError(f"{self._name} is closed")
        loop = asyncio.get_running_loop()
        call = _Call(work, after, joins_commit, loop, loop.create_future())
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            raise StoreError(
                f"{self._name}: {QUEUE_CALLS} writes wait for the disk already"
            ) from None
        return await call.done

    def _run(self) -> None:
        """The thread: takes calls until the None of `close`."""
        following: _Call | None = None
        is_last = False
        while not is_last:
            first = following or self._calls.get()
            if first is None:
                break
            calls, following, is_last = self._gather(first)
            self._commit(calls)
        self._conn.close()

    def _gather(self, first: _Call) -> tuple[list[_Call], _Call | None, bool]:
        """`first` and what shares its commit; the call after that; whether None was met."""
        calls = [first]
        until_s = time.monotonic() + LINGER_S
        while first.joins_commit and len(calls) < COMMIT_CALLS:
            try:
                call = self._calls.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                break
            if call is None:
                return calls, None, True
            if not call.joins_commit:
                return calls, call, False
            calls.append(call)
        return calls, None, False

    def _commit(self, calls: list[_Call]) -> None:
        """Does these in one transaction and tells who waits."""
        results: list[Any] = []
        error: BaseException | None = None
        try:
            self._conn.execute("BEGIN IMMEDIATE")
            results = [call.work(self._conn) for call in calls]
            self._conn.execute("COMMIT")
        except sqlite3.Error as err:
            error = StoreError(f"{self._name}: {err}")
            error.__cause__ = err
        except Exception as err:  # noqa: BLE001 - a fault of `work`: its caller gets it, the thread goes on
            error = err
        if error is not None:
            with suppress(sqlite3.Error):  # for a full disk SQLite has rolled back by itself
                self._conn.execute("ROLLBACK")
        for loop in {call.loop for call in calls}:
            mine = [i for i, call in enumerate(calls) if call.loop is loop]
            told = [(calls[i], None if error else results[i]) for i in mine]
            with suppress(RuntimeError):  # that loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, told, error)


def _tell(told: list[tuple[_Call, Any]], error: BaseException | None) -> None:
    for call, result in told:
        if error is None:
            call.after(result)
        if call.done.done():  # its caller was cancelled
            continue
        if error is None:
            call.done.set_result(result)
        else:
            call.done.set_exception(error)
