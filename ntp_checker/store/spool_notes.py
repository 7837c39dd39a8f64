"""Notes of what is told while the database is away: decided, tried, accepted. SQLite."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog

from ntp_checker.heard import OVERTAKEN, overtakes
from ntp_checker.message import OutgoingMessage
from ntp_checker.model import AlertKey
from ntp_checker.notes import (
    Decision,
    HandOver,
    Note,
    NotedMessage,
    NoteState,
    decode_subject,
    encode_subject,
)
from ntp_checker.store.notifications import (
    CLAIM_LIMIT,
    INTERNAL_ERROR,
    LATE_S,
    OLD_NEWS_KEY,
    PARTLY_TAKEN,
)
from ntp_checker.store.queries import load_queries
from ntp_checker.store.spool_times import microseconds, moment
from ntp_checker.store.sqlite_thread import SqliteThread

log = structlog.get_logger()


class SpoolNotes:
    """The notes in one spool's file. Each method raises StoreError if the disk won't."""

    def __init__(self, conn: sqlite3.Connection, thread: SqliteThread) -> None:
        self._thread = thread
        self._sql = load_queries("spool_notes")
        self._count: int = conn.execute(self._sql["count_notes"]).fetchone()[0]
        self._is_away = bool(conn.execute(self._sql["is_away"]).fetchone()[0])

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to be handed over."""
        return not self._count

    @property
    def is_away(self) -> bool:
        """True from `mark_away` on, also after a restart, until notes were dropped."""
        return self._is_away

    async def mark_away(self, since_at: datetime) -> None:
        """From now on, also after a restart, messages are sent without the database."""
        given = {"since_us": microseconds(since_at)}
        await self._thread.run(lambda conn: conn.execute(self._sql["mark_away"], given))
        self._is_away = True

    async def add(self, decisions: Iterable[Decision], now: datetime) -> None:
        """Notes these, unless they are there already; what they overtake is not sent any more."""
        decided = list(decisions)
        rows = [_row(decision, now) for decision in decided]
        given = {"now_us": microseconds(now), "reason": OVERTAKEN}

        def insert(conn: sqlite3.Connection) -> int:
            conn.executemany(self._sql["add_note"], rows)
            to_come = conn.execute(self._sql["still_to_come"], given).fetchall()
            overtaken = _overtaken(to_come, decided, now)
            conn.executemany(
                self._sql["suppress"], [{**given, "note_id": one} for one in overtaken]
            )
            return self._counted(conn)

        await self._thread.run(insert, self._note_count)

    async def claim(self, channel: str, now: datetime) -> list[Note]:
        """What is due for one message of this channel, oldest first; one attempt is counted."""
        asked = {
            "channel": channel,
            "now_us": microseconds(now),
            "late_us": microseconds(now - timedelta(seconds=LATE_S)),
            "alone_kind": INTERNAL_ERROR,
            "rest_kind": PARTLY_TAKEN,
            "old_news_key": OLD_NEWS_KEY,
        }

        def claim(conn: sqlite3.Connection) -> list[tuple[Any, ...]]:
            due = conn.execute(self._sql["due"], asked).fetchall()
            chosen = [row[:-1] for row in due if row[-1] == due[0][-1]]
            if due and not due[0][-1].startswith("rest "):
                chosen = chosen[:CLAIM_LIMIT]
            conn.executemany(self._sql["count_attempt"], [{"note_id": row[0]} for row in chosen])
            return chosen

        notes = [
            replace(note, due_for_s=(now - note.not_before_at).total_seconds())
            for note in _readable(await self._thread.run(claim), attempts_more=1)
        ]
        return sorted(notes, key=lambda note: (note.transition.slot_at, note.transition.ordinal))

    async def put_message(
        self, message: OutgoingMessage, channel: str, recipients: Sequence[str]
    ) -> None:
        """Notes the message that is about to be sent."""
        row = {
            "message_id": str(message.message_id),
            "channel": channel,
            "recipients": orjson.dumps(list(recipients)).decode(),
            "thread_key": message.thread_key,
            "title": message.title,
            "body": message.text,
            "made_us": microseconds(message.made_at),
        }
        await self._thread.run(lambda conn: conn.execute(self._sql["put_message"], row))

    async def settle(
        self,
        notes: Sequence[Note],
        state: NoteState,
        now: datetime,
        *,
        message_id: UUID | None,
        answer: str,
        error_kind: str | None = None,
        retry_at: datetime | None = None,
        stand_ins: Iterable[Decision] = (),
    ) -> list[Note]:
        """What came of an attempt, in the provider's words; those that did not wait any more.

        Stand-ins wait from now on.
        """
        is_accepted = state is NoteState.ACCEPTED
        given = {
            "state": state,
            "message_id": None if message_id is None else str(message_id),
            "retry_us": None if retry_at is None else microseconds(retry_at),
            "error_kind": error_kind,
            "error_text": None if is_accepted else answer,
            "settled_us": None if state is NoteState.WAITING else microseconds(now),
            "answer": answer,
            "accepted_us": microseconds(now) if is_accepted else None,
        }
        others = [_row(decision, now) for decision in stand_ins]

        def settle(conn: sqlite3.Connection) -> tuple[list[Note], int]:
            if message_id is not None:
                conn.execute(self._sql["answer_message"], given)
            lost = [
                note
                for note in notes
                if not conn.execute(
                    self._sql["settle"], {**given, "note_id": note.note_id}
                ).rowcount
            ]
            conn.executemany(self._sql["add_note"], others)
            return lost, self._counted(conn)

        lost, _ = await self._thread.run(settle, lambda found: self._note_count(found[1]))
        return list(lost)

    async def put_back(
        self,
        notes: Sequence[Note],
        now: datetime,
        *,
        retry_at: datetime,
        stand_ins: Iterable[Decision],
    ) -> list[Note]:
        """They wait as before they were claimed, until then; those that did not wait any more."""
        retry_us = microseconds(retry_at)
        others = [_row(decision, now) for decision in stand_ins]

        def put_back(conn: sqlite3.Connection) -> tuple[list[Note], int]:
            lost = [
                note
                for note in notes
                if not conn.execute(
                    self._sql["put_back"], {"retry_us": retry_us, "note_id": note.note_id}
                ).rowcount
            ]
            conn.executemany(self._sql["add_note"], others)
            return lost, self._counted(conn)

        lost, _ = await self._thread.run(put_back, lambda found: self._note_count(found[1]))
        return list(lost)

    async def channels_due(self, until_at: datetime) -> list[str]:
        """Those for which something has been due since then."""
        given = {"until_us": microseconds(until_at)}
        found = await self._thread.run(
            lambda conn: conn.execute(self._sql["channels_due"], given).fetchall()
        )
        return [channel for (channel,) in found]

    async def read(self) -> HandOver:
        """All of them, but for those that can't be read."""

        def read(conn: sqlite3.Connection) -> tuple[list[Any], list[Any]]:
            return (
                conn.execute(self._sql["all_notes"]).fetchall(),
                conn.execute(self._sql["all_messages"]).fetchall(),
            )

        notes, messages = await self._thread.run(read)
        return HandOver(
            notes=_readable(notes),
            messages=[_message(row) for row in messages],
        )

    def drop(self, conn: sqlite3.Connection, event_ids: Iterable[UUID], *, is_last: bool) -> int:
        """For the spool's thread: the database has these; how many are left.

        With the last row that waited all are dropped: nothing will come that they belong to.
        """
        conn.execute(self._sql["unmark_away"])
        conn.executemany(self._sql["drop_notes"], [{"event_id": str(one)} for one in event_ids])
        if is_last:
            conn.execute(self._sql["drop_all_notes"])
        conn.execute(self._sql["drop_messages"])
        return self._counted(conn)

    def note_dropped(self, left: int) -> None:
        """The drop is on disk."""
        self._is_away = False
        self._note_count(left)

    def _counted(self, conn: sqlite3.Connection) -> int:
        return int(conn.execute(self._sql["count_notes"]).fetchone()[0])

    def _note_count(self, count: int) -> None:
        self._count = count


def _row(decision: Decision, now: datetime) -> dict[str, Any]:
    notification = decision.notification
    is_suppressed = notification.suppressed_by is not None
    return {
        "event_id": str(notification.event_id),
        "channel": notification.channel,
        "group_key": notification.group_key,
        "state": NoteState.SUPPRESSED if is_suppressed else NoteState.WAITING,
        "not_before_us": microseconds(notification.not_before_at or now),
        "error_text": notification.suppressed_by,
        "settled_us": microseconds(now) if is_suppressed else None,
        "subject": encode_subject(decision.subject),
    }


def _overtaken(
    to_come: Iterable[Sequence[Any]], decisions: Iterable[Decision], now: datetime
) -> list[int]:
    """Numbers of the notes that come later than one of these, which overtakes them."""
    sooner: dict[tuple[str, AlertKey], list[Decision]] = {}
    for one in decisions:
        if one.notification.suppressed_by is None:
            key = (one.notification.channel, one.subject.transition.key)
            sooner.setdefault(key, []).append(one)
    overtaken = []
    for note_id, channel, not_before_us, payload in to_come:
        try:
            waiting = decode_subject(payload).transition
        except ValueError:
            continue  # said where it is read to be sent
        if any(
            microseconds(one.notification.not_before_at or now) < not_before_us
            and overtakes(one.subject.transition, waiting)
            for one in sooner.get((channel, waiting.key), ())
        ):
            overtaken.append(note_id)
    return overtaken


def _readable(rows: Iterable[Sequence[Any]], *, attempts_more: int = 0) -> list[Note]:
    notes = []
    for row in rows:
        try:
            notes.append(_note(row, attempts_more))
        except ValueError as err:
            # Of another release or another hand: the others are told all the same.
            log.error("note left out", note_id=row[0], reason=str(err))  # noqa: TRY400
    return notes


def _note(row: Sequence[Any], attempts_more: int) -> Note:
    note_id, channel, group_key, state, attempts, message_id, not_before_us, *rest = row
    error_kind, error_text, settled_us, payload = rest
    subject = decode_subject(payload)
    return Note(
        note_id=note_id,
        channel=channel,
        group_key=group_key,
        attempts=attempts + attempts_more,
        group=subject.group,
        transition=subject.transition,
        alert=subject.alert,
        state=NoteState(state),
        not_before_at=moment(not_before_us),
        message_id=None if message_id is None else UUID(message_id),
        error_kind=error_kind,
        error_text=error_text,
        settled_at=None if settled_us is None else moment(settled_us),
    )


def _message(row: Sequence[Any]) -> NotedMessage:
    message_id, channel, recipients, thread_key, title, body, made_us, accepted_us, answer = row
    return NotedMessage(
        message_id=UUID(message_id),
        channel=channel,
        recipients=orjson.loads(recipients),
        thread_key=thread_key,
        title=title,
        body=body,
        made_at=moment(made_us),
        accepted_at=None if accepted_us is None else moment(accepted_us),
        provider_answer=answer,
    )
