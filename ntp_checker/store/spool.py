"""Samples on this machine's disk until PostgreSQL has them. SQLite, one thread, async callers.

A sample is safe once `append` returns: WAL with synchronous FULL, many samples to one commit.
The polling side waits for this disk only, never for PostgreSQL.
"""

import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from ntp_checker.codec import encode
from ntp_checker.empty_slot import empty_slot
from ntp_checker.errors import StoreError
from ntp_checker.known_alerts import Known
from ntp_checker.model import FailureKind, JudgedSample
from ntp_checker.store.queries import load_queries
from ntp_checker.store.spool_copy import SpoolCopy
from ntp_checker.store.spool_file import lock_file, open_file, used_bytes
from ntp_checker.store.spool_notes import SpoolNotes
from ntp_checker.store.spool_rows import SpoolRow, row_from
from ntp_checker.store.spool_thinner import Thinner
from ntp_checker.store.spool_times import microseconds, moment
from ntp_checker.store.sqlite_thread import SqliteThread

log = structlog.get_logger()

#: Rows stay this long after PostgreSQL took them, should it lose its last second in a failover.
KEEP_COMMITTED_S = 60.0
PURGE_EVERY_S = 5.0
PURGE_ROWS = 20_000
PURGE_PAGES = 2_000
REJECTED_KEPT = 1_000
#: A host with four sources takes 8.3 kB a look, 24 MB a day at 30 s: of 100 hosts this holds two and
#: a half days whole. By benchmarks/bench_spool.py; the settings have the same default.
MAX_BYTES = 8 * 1024**3


class Spool:
    """The spool of one data folder. One process has it at a time.

    `owner` is the folder's name for the database, the same as long as it lives.

    Opening raises ConfigError if another checker has it, StoreError if the disk won't.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._hosts: set[str] = set()  #: that were appended for since the start
        self._lock = lock_file(path)
        try:
            conn = open_file(path, max_bytes=max_bytes)
        except BaseException:
            os.close(self._lock)
            raise
        self._sql = load_queries("spool")
        # Wall time as it was now, carried on by the monotonic clock: a step moves no age.
        self._wall_offset_s = time.time() - time.monotonic()
        self.owner: str = conn.execute(self._sql["owner"]).fetchone()[0]
        self._epochs: dict[str, int] = dict(conn.execute(self._sql["leases"]).fetchall())
        self._depth: int = conn.execute(self._sql["depth"]).fetchone()[0]
        self._oldest_at_s = self._read_oldest(conn)
        self._purged_at_s = self._now_s()
        self.copy = SpoolCopy(conn)
        self._thread = SqliteThread(conn, name=f"spool {path}")
        self.notes = SpoolNotes(conn, self._thread)
        self._thinner = Thinner(self._thread, self._sql, max_bytes=max_bytes)

    @property
    def depth(self) -> int:
        """Samples that PostgreSQL does not have yet."""
        return self._depth

    @property
    def oldest_uncommitted_age_s(self) -> float | None:
        """How long the oldest of them has waited; None if there is none."""
        oldest_at_s = self._oldest_at_s
        return None if oldest_at_s is None else max(0.0, self._now_s() - oldest_at_s)

    @property
    def epochs(self) -> dict[str, int]:
        """Epoch of our lease by host, as the database told us last, maybe before a restart."""
        return dict(self._epochs)

    async def note_epochs(self, epochs: Mapping[str, int]) -> None:
        """Keeps these for the next start."""
        rows = [{"host": host, "epoch": epoch} for host, epoch in epochs.items()]
        await self._thread.run(lambda conn: conn.executemany(self._sql["note_lease"], rows))
        self._epochs.update(epochs)

    async def append(self, judged: JudgedSample, lease_epoch: int) -> None:
        """Returns when the sample is on disk; a slot that is there already keeps its row.

        A sample that can't be written down leaves a `rejected` one in its slot. Raises StoreError
        if the disk is full or fails, or if too many samples wait for it: this one is then lost.
        """
        await self.append_all([judged], lease_epoch)

    async def append_all(self, samples: Iterable[JudgedSample], lease_epoch: int) -> None:
        """The same for several, all on disk or none."""
        at_s = self._now_s()
        rows, refused = [], []
        for judged in samples:
            row, refusal = _encoded(judged, lease_epoch, at_s)
            rows.append(row)
            refused += refusal
            self._hosts.add(judged.sample.host)

        def insert(conn: sqlite3.Connection) -> tuple[int, int]:
            conn.executemany(self._sql["insert_rejected"], refused)
            inserted = conn.executemany(self._sql["insert_sample"], rows).rowcount
            return inserted, used_bytes(conn)

        def note(outcome: tuple[int, int]) -> None:
            inserted, _ = outcome
            self._depth += inserted
            if inserted and self._oldest_at_s is None:
                self._oldest_at_s = at_s

        _, used = await self._thread.run_joined(insert, note)
        if self._thinner.is_due(used):
            await self._thinner.thin(len(self._hosts))

    async def newest_before(self, moments: Mapping[str, datetime]) -> dict[str, datetime]:
        """Each host's newest slot before its moment; hosts without one are left out."""
        asked = [{"host": host, "before_us": microseconds(at)} for host, at in moments.items()]

        def read(conn: sqlite3.Connection) -> dict[str, datetime]:
            found = (
                (one["host"], conn.execute(self._sql["newest_before"], one).fetchone()[0])
                for one in asked
            )
            return {str(host): moment(slot_us) for host, slot_us in found if slot_us is not None}

        newest: dict[str, datetime] = await self._thread.run(read)
        return newest

    async def read_uncommitted(self, limit: int, *, after_id: int = 0) -> list[SpoolRow]:
        """The oldest samples that PostgreSQL does not have, in the order they came.

        Those after the row `after_id` only.
        """
        asked = {"limit": limit, "after_id": after_id}
        found = await self._thread.run(
            lambda conn: conn.execute(self._sql["uncommitted"], asked).fetchall()
        )
        return [row_from(columns) for columns in found]

    async def read_last(self, host: str, until_at: datetime, limit: int) -> list[SpoolRow]:
        """The host's last samples up to this slot, oldest first, as far as they are still here."""
        asked = {"host": host, "until_us": microseconds(until_at), "limit": limit}
        found = await self._thread.run(
            lambda conn: conn.execute(self._sql["last"], asked).fetchall()
        )
        return [row_from(columns) for columns in reversed(found)]

    async def newest_committed(self) -> dict[str, datetime]:
        """By host, of what PostgreSQL took in the last minute at least, its newest slot."""
        found = await self._thread.run(
            lambda conn: conn.execute(self._sql["newest_committed"]).fetchall()
        )
        return {host: moment(slot_us) for host, slot_us in found}

    async def mark_committed(
        self,
        row_ids: Sequence[int],
        known: Iterable[Known] = (),
        handed_over: Collection[UUID] | None = None,
    ) -> None:
        """Notes that PostgreSQL has these, and what it said of alerts then, batch by batch.

        With `handed_over` it also learnt what was told while it was away, and has these events:
        their notes are dropped, and with the last row all of them. Rows are deleted KEEP_COMMITTED_S later; at once where the file is too full for the note:
        else it could never be emptied again.
        """
        at_s = self._now_s()
        change = self.copy.change_to(known)
        marks = [{"id": row_id, "at_s": at_s} for row_id in row_ids]

        def mark(conn: sqlite3.Connection, how: str) -> tuple[int, float | None, int]:
            marked = conn.executemany(self._sql[how], marks).rowcount
            self.copy.write(conn, change)
            oldest = self._read_oldest(conn)
            if handed_over is None:
                return marked, oldest, 0
            return marked, oldest, self.notes.drop(conn, handed_over, is_last=oldest is None)

        def note(outcome: tuple[int, float | None, int]) -> None:
            marked, self._oldest_at_s, notes_left = outcome
            self._depth -= marked
            self.copy.note(change)
            if handed_over is not None:
                self.notes.note_dropped(notes_left)

        try:
            await self._thread.run(lambda conn: mark(conn, "mark_committed"), note)
        except StoreError as err:
            log.warning("spool can't note what is stored, deletes it", reason=str(err))
            await self._thread.run(lambda conn: mark(conn, "delete_committed"), note)
        if at_s - self._purged_at_s >= PURGE_EVERY_S:
            await self.purge()

    async def read_known(self) -> Known:
        """What the database said last of alerts, as of what is marked as committed.

        Raises StoreError, ValueError if another program wrote in the file.
        """
        known: Known = await self._thread.run(self.copy.read)
        return known

    async def set_aside(self, rows: Iterable[tuple[SpoolRow, str]]) -> None:
        """Keeps payloads that PostgreSQL refused, each with the reason, for a person to look at."""
        refused = [
            {
                "host": row.host,
                "slot_us": microseconds(row.slot_at),
                "lease_epoch": row.lease_epoch,
                "payload": row.payload,
                "reason": reason,
                "at_s": self._now_s(),
            }
            for row, reason in rows
        ]
        await self._thread.run(lambda conn: conn.executemany(self._sql["insert_rejected"], refused))

    async def purge(self) -> None:
        """Deletes what PostgreSQL has had for KEEP_COMMITTED_S; done by itself now and then."""
        self._purged_at_s = self._now_s()
        old = {"before_s": self._purged_at_s - KEEP_COMMITTED_S, "limit": PURGE_ROWS}

        def delete(conn: sqlite3.Connection) -> None:
            conn.execute(self._sql["purge_samples"], old)
            conn.execute(self._sql["purge_rejected"], {"kept": REJECTED_KEPT})
            conn.execute(f"PRAGMA incremental_vacuum({PURGE_PAGES})").fetchall()

        await self._thread.run(delete)

    async def close(self) -> None:
        """Finishes what waits, closes the file and lets the next checker have it."""
        await self._thread.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _now_s(self) -> float:
        return time.monotonic() + self._wall_offset_s

    def _read_oldest(self, conn: sqlite3.Connection) -> float | None:
        found: Any = conn.execute(self._sql["oldest_uncommitted"]).fetchone()
        return None if found is None else float(found[0])


def _encoded(
    judged: JudgedSample, lease_epoch: int, at_s: float
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The sample's row; and of one that can't be written down, what goes aside."""
    sample = judged.sample
    row: dict[str, Any] = {
        "host": sample.host,
        "slot_us": microseconds(sample.slot_at),
        "lease_epoch": lease_epoch,
        "at_s": at_s,
    }
    try:
        return {**row, "payload": encode(judged)}, []
    except ValueError as err:
        reason = str(err)
    log.error("sample rejected", host=sample.host, slot_at=sample.slot_at, reason=reason)
    refusal = empty_slot(sample.host, sample.slot_at, FailureKind.REJECTED, reason)
    aside = {**row, "payload": repr(judged).encode("ascii", "backslashreplace"), "reason": reason}
    return {**row, "payload": encode(refusal)}, [aside]
