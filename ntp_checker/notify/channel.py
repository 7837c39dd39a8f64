"""What every channel is, and how far a message has come on one."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ntp_checker.errors import PartlyTaken
from ntp_checker.message import OutgoingMessage

#: Messages whose progress is remembered; a message that is tried again is among the newest.
_REMEMBERED_MESSAGES = 256
#: How long those are tried again that did not take what others have. Greylisting lets through what
#: comes again after some minutes; a mailbox that is full stays so for days.
REST_TRIED_FOR_S = 1_800.0


class Channel(Protocol):
    """One way out. `send` is bounded in time and in the bytes it reads."""

    @property
    def name(self) -> str:
        """As in the settings."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """Mail addresses; empty where the channel has none."""

    async def send(self, message: OutgoingMessage) -> str:
        """The provider's identity for what it took.

        Raises SendError if the message was not taken, PartlyTaken if a part of its recipients has
        it; sent again, only what is missing goes out, as long as this process lives.
        """


@runtime_checkable
class KnowsSuppressed(Protocol):
    """A channel whose provider tells which recipients it has given up."""

    async def suppressed_recipients(self) -> Mapping[str, str]:
        """The reason, a word, by recipient; never raises and is bounded in time."""


@dataclass(slots=True, kw_only=True)
class _Way:
    """How far one message has come."""

    began_at_s: float  #: of the clock, when a part was taken first
    taken: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)  #: of the provider, to what it took
    refused: dict[str, str] = field(default_factory=dict)  #: for good: part -> why


class Progress:
    """Which parts of a message, e.g. which recipients, were taken already.

    A second attempt must not tell those again who have heard. Kept in memory: after a restart they
    are told twice, with the same event ids.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ways: OrderedDict[bytes, _Way] = OrderedDict()

    def taken(self, message: OutgoingMessage) -> frozenset[str]:
        """The parts that were taken."""
        way = self._ways.get(_identity(message))
        return frozenset() if way is None else frozenset(way.taken)

    def missing(self, message: OutgoingMessage, parts: Iterable[str]) -> list[str]:
        """Those of `parts` that are neither taken nor refused for good."""
        way = self._ways.get(_identity(message))
        return [part for part in parts if way is None or part not in {*way.taken, *way.refused}]

    def note(self, message: OutgoingMessage, *parts: str, answer: str | None = None) -> None:
        """These parts were taken now."""
        identity = _identity(message)
        way = self._ways.setdefault(identity, _Way(began_at_s=self._clock()))
        way.taken.update(parts)
        if answer is not None:
            way.answers.append(answer)
        self._ways.move_to_end(identity)
        while len(self._ways) > _REMEMBERED_MESSAGES:
            self._ways.popitem(last=False)

    def refuse(self, message: OutgoingMessage, refused: Mapping[str, str]) -> None:
        """These parts, with the reason, are not tried again, for others were taken."""
        self._ways[_identity(message)].refused.update(refused)

    def check_rest(self, message: OutgoingMessage, told: str, *, is_news: bool) -> None:
        """A part was not taken, for the reason told. Raises PartlyTaken while it has a chance."""
        passed_s = self._clock() - self._ways[_identity(message)].began_at_s
        if passed_s < REST_TRIED_FOR_S:
            raise PartlyTaken(told, is_news=is_news)

    def finish(self, message: OutgoingMessage, left: Mapping[str, str]) -> str:
        """What the provider answered, and who did not take it, `left` included; then forgotten."""
        way = self._ways.pop(_identity(message))
        answers = "; ".join(dict.fromkeys(way.answers))
        told = say_refused({**way.refused, **left})
        return f"{answers}{f' ({told})' if told else ''}"

    def forget(self, message: OutgoingMessage) -> None:
        """All of it was taken, or given up."""
        self._ways.pop(_identity(message), None)


def say_refused(refused: Mapping[str, str]) -> str:
    """Who did not take it, and why."""
    return "; ".join(f"{part} refused: {why}" for part, why in refused.items())


def _identity(message: OutgoingMessage) -> bytes:
    """The same for the same events; of a message without events its own id."""
    told = sorted(event_id.bytes for event_id in message.event_ids) or [message.message_id.bytes]
    return hashlib.sha256(b"".join(told)).digest()
