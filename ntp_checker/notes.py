"""What was decided and sent while the database was away."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from ntp_checker.model import Alert, Due, Notification, Transition


class NoteState(StrEnum):
    """What became of a notification without the database; words as in `notification.state`."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    SUPPRESSED = "suppressed"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSubject:
    """What a notification is about."""

    transition: Transition
    alert: Alert  #: after the transition
    group: str | None  #: the host's


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A notification that is to be noted."""

    notification: Notification
    subject: NoteSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Due):
    """A notification as it is noted in the spool."""

    note_id: int
    state: NoteState
    not_before_at: datetime
    message_id: UUID | None  #: of the message that was tried last
    error_kind: str | None
    error_text: str | None  #: of a suppressed one, by what
    settled_at: datetime | None  #: None while it waits

    @property
    def decided(self) -> Notification:
        """The notification as the database would have had it."""
        waits = self.state is NoteState.WAITING
        return Notification(
            event_id=self.transition.event_id,
            channel=self.channel,
            group_key=self.group_key,
            not_before_at=self.not_before_at if waits else None,
            suppressed_by=self.error_text if self.state is NoteState.SUPPRESSED else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedMessage:
    """A message that was tried without the database."""

    message_id: UUID
    channel: str
    recipients: Sequence[str]
    thread_key: str | None
    title: str
    body: str
    made_at: datetime
    accepted_at: datetime | None  #: None: it never was
    provider_answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """What the database is to learn of the time it was away."""

    notes: Sequence[Note] = ()
    messages: Sequence[NotedMessage] = ()

    @property
    def decided(self) -> Mapping[UUID, Sequence[Notification]]:
        """By transition, whom it was told, or was to be."""
        decided: dict[UUID, list[Notification]] = {}
        for note in self.notes:
            decided.setdefault(note.transition.event_id, []).append(note.decided)
        return decided


NOTHING_TOLD = HandOver()


class StandIn(Protocol):
    """Tells people while the database is away; see `Standby`."""

    @property
    def has_news(self) -> bool:
        """True if the database is to learn what was told without it."""

    def stepping_back(
        self, database_answers: Callable[[], Awaitable[object]]
    ) -> AbstractAsyncContextManager[HandOver | None]:
        """While inside, nothing is told without the database; None if nothing was."""


class _NoStandIn:
    """Nobody is told while the database is away."""

    has_news = False

    def stepping_back(
        self, _database_answers: Callable[[], Awaitable[object]]
    ) -> AbstractAsyncContextManager[HandOver | None]:
        return nullcontext()


NO_STAND_IN = _NoStandIn()

_subject: TypeAdapter[NoteSubject] = TypeAdapter(NoteSubject)


def encode_subject(subject: NoteSubject) -> bytes:
    """As UTF-8 JSON."""
    return _subject.dump_json(subject)


def decode_subject(payload: bytes) -> NoteSubject:
    """What `encode_subject` wrote. Raises ValueError if these are not its bytes."""
    try:
        return _subject.validate_json(payload)
    except ValidationError as err:
        raise ValueError(f"a note cannot be read: {err.error_count()} mistakes") from err
