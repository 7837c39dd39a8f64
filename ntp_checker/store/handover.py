"""What was told while the database was away gets on record. Async."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from ntp_checker.notes import HandOver, Note, NotedMessage, NoteState
from ntp_checker.store.arrays import text_array
from ntp_checker.store.notifications import PARTLY_TAKEN
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


async def settle_noted(conn: CheckerConnection, handed: HandOver) -> set[UUID]:
    """Those of the noted transitions that the database has: their notes are needed no more.

    Afterwards what was accepted, given up or kept back without the database is so in it, with the
    messages; what still waited, waits in it. In the transaction that stored the transitions.
    """
    if not handed.notes:
        return set()
    queries = load_queries("handover")
    event_ids = dict.fromkeys(str(note.transition.event_id) for note in handed.notes)
    found = await conn.execute(queries["known_events"], {"event_ids": text_array(event_ids)})
    known = {event_id for (event_id,) in await found.fetchall()}
    settled = [
        note
        for note in handed.notes
        if note.transition.event_id in known
        # What some have goes to the others as the same message, whoever sends it.
        and (note.state is not NoteState.WAITING or note.error_kind == PARTLY_TAKEN)
    ]
    needed = {note.message_id for note in settled}
    messages = [one for one in handed.messages if one.message_id in needed]
    if messages:
        await conn.execute(queries["store_messages"], {"rows": _json(map(_message_row, messages))})
    if settled:
        await conn.execute(queries["settle_noted"], {"rows": _json(map(_note_row, settled))})
    return known


def _message_row(message: NotedMessage) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "channel": message.channel,
        "recipients": message.recipients,
        "thread_key": message.thread_key,
        "title": message.title,
        "body": message.body,
        "made_at": message.made_at,
        "accepted_at": message.accepted_at,
        "provider_answer": message.provider_answer,
    }


def _note_row(note: Note) -> dict[str, Any]:
    return {
        "event_id": note.transition.event_id,
        "channel": note.channel,
        "group_key": note.group_key,
        "state": note.state,
        "attempts": note.attempts,
        "message_id": note.message_id,
        "error_kind": note.error_kind,
        "error_text": note.error_text,
        "settled_at": note.settled_at,
    }


def _json(rows: Iterable[dict[str, Any]]) -> str:
    return orjson.dumps(list(rows)).decode()
