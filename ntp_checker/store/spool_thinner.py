"""Makes room in a spool that is nearly full: no slot is lost, but what was found in some. SQLite."""

import sqlite3
import time
from collections.abc import Mapping

import structlog

from ntp_checker.store.sqlite_thread import SqliteThread

log = structlog.get_logger()

#: From this part of its greatest size on the spool is thinned out, the oldest samples first.
ABOVE_RATIO = 0.75
#: Of each host every so-many-th sample stays, the others leave a mark of a few bytes, from which
#: the writer makes a row that says `dropped`. Again, if that is not enough.
KEEP_EVERY = 10
#: A piece has this many rows, or enough of them for each host to lose some.
PIECE_ROWS = 5_000
#: After a pass over all of it that found nothing to drop; also between two words about it.
PAUSE_S = 10.0


class Thinner:
    """Thins out one spool, piece by piece."""

    def __init__(self, thread: SqliteThread, sql: Mapping[str, str], *, max_bytes: int) -> None:
        self._thread = thread
        self._sql = sql
        self._above_bytes = round(max_bytes * ABOVE_RATIO)
        self._done_to = 0  #: row id
        self._dropped_in_pass = 0
        self._is_busy = False
        self._not_before_s = self._no_word_before_s = 0.0  #: monotonic

    def is_due(self, used_bytes: int) -> bool:
        """True if so much is used that there should be less, and nobody is at it."""
        is_full = used_bytes > self._above_bytes and not self._is_busy
        return is_full and time.monotonic() >= self._not_before_s

    async def thin(self, hosts: int) -> int:
        """Thins out the next piece of what PostgreSQL does not have; how many samples that cost.

        `hosts` is how many of them spool. Raises StoreError.
        """
        rows = max(PIECE_ROWS, 2 * KEEP_EVERY * hosts)
        piece = {"after_id": self._done_to, "rows": rows, "keep_every": KEEP_EVERY}

        def drop(conn: sqlite3.Connection) -> tuple[int | None, int]:
            last_id: int | None = conn.execute(self._sql["next_to_thin"], piece).fetchone()[0]
            if last_id is None:
                return None, 0
            conn.execute(self._sql["choose_to_thin"], {**piece, "last_id": last_id})
            dropped = conn.execute(self._sql["thin_out"]).rowcount
            conn.execute(self._sql["leave_marks"])
            conn.execute(self._sql["forget_thinned"])
            return last_id, dropped

        self._is_busy = True
        try:
            last_id, dropped = await self._thread.run(drop)
        finally:
            self._is_busy = False
        self._note(last_id, dropped)
        return int(dropped)

    def _note(self, last_id: int | None, dropped: int) -> None:
        now_s = time.monotonic()
        self._dropped_in_pass += dropped
        if last_id is None:  # after the last piece the first one again: a tenth of it is left
            if not self._dropped_in_pass:
                self._not_before_s = now_s + PAUSE_S
            self._dropped_in_pass = 0
        self._done_to = last_id or 0
        if dropped and now_s >= self._no_word_before_s:
            self._no_word_before_s = now_s + PAUSE_S
            log.error("spool is nearly full: samples are dropped", kept_of=KEEP_EVERY)
