"""What every channel is, and how far a message has come on one."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from ntp_checker.message import OutgoingMessage

#: Messages whose progress is remembered; a message that is tried again is among the newest.
_REMEMBERED_MESSAGES = 256


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

        Raises SendError if the message, or a part of it, was not taken; sent again, only what is
        missing goes out, as long as this process lives.
        """


@runtime_checkable
class KnowsSuppressed(Protocol):
    """A channel whose provider tells which recipients it has given up."""

    async def suppressed_recipients(self) -> Mapping[str, str]:
        """The reason, a word, by recipient; never raises and is bounded in time."""


class Progress:
    """Which parts of a message, e.g. which recipients, were taken already.

    A second attempt must not tell those again who have heard. Kept in memory: after a restart they
    are told twice, with the same event ids.
    """

    def __init__(self) -> None:
        self._taken: OrderedDict[bytes, set[str]] = OrderedDict()

    def taken(self, message: OutgoingMessage) -> frozenset[str]:
        """The parts that were taken."""
        return frozenset(self._taken.get(_identity(message), ()))

    def note(self, message: OutgoingMessage, *parts: str) -> None:
        """These parts were taken now."""
        identity = _identity(message)
        self._taken.setdefault(identity, set()).update(parts)
        self._taken.move_to_end(identity)
        while len(self._taken) > _REMEMBERED_MESSAGES:
            self._taken.popitem(last=False)

    def forget(self, message: OutgoingMessage) -> None:
        """All of it was taken, or given up."""
        self._taken.pop(_identity(message), None)


def _identity(message: OutgoingMessage) -> bytes:
    """The same for the same events; of a message without events its own id."""
    told = sorted(event_id.bytes for event_id in message.event_ids) or [message.message_id.bytes]
    return hashlib.sha256(b"".join(told)).digest()
