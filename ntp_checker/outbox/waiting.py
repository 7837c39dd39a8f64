"""What a lane sends from: notifications that wait, and what became of them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar
from uuid import UUID, uuid5

from ntp_checker.message import OutgoingMessage
from ntp_checker.model import Due, Notification
from ntp_checker.notify.channel import Channel

D = TypeVar("D", bound=Due)


class Waiting(Protocol[D]):
    """Notifications of all channels, in the database or in the spool.

    Each method is on disk when it returns. All raise StoreError where that is not to be had, and
    RowsRefused for what can never be stored.
    """

    async def release(self, channel: str) -> int:
        """How many of an earlier run were left in hand; they can be claimed again at once."""

    async def claim(self, channel: str) -> list[D]:
        """What is due for one message of this channel, oldest slot first; maybe nothing."""

    async def make_message(
        self, claimed: Sequence[D], channel: Channel
    ) -> tuple[OutgoingMessage, list[D]]:
        """The message that is about to be sent; those claims that are another's now.

        If there are any, it is not to be sent.
        """

    async def settle_accepted(
        self, claimed: Sequence[D], message: OutgoingMessage, answer: str
    ) -> list[D]:
        """After the provider took the message; those claims that were no longer ours."""

    async def settle_retry(
        self,
        claimed: Sequence[D],
        *,
        message_id: UUID | None,
        error_kind: str,
        error_text: str,
        delay_s: float,
        stand_ins: Sequence[Notification] = (),
    ) -> list[D]:
        """Afterwards they wait for `delay_s`, and these stand-ins wait, too; as above."""

    async def settle_given_up(
        self,
        claimed: Sequence[D],
        *,
        message_id: UUID | None,
        error_kind: str,
        error_text: str,
        stand_ins: Sequence[Notification] = (),
    ) -> list[D]:
        """Afterwards this channel tries no more, but these stand-ins wait; as above."""

    async def put_back(
        self, claimed: Sequence[D], *, delay_s: float, stand_ins: Sequence[Notification] = ()
    ) -> list[D]:
        """Not tried: afterwards they wait for `delay_s`, and these stand-ins wait; as above."""

    async def unknown_channels(self, channels: Collection[str], *, due_for_s: float) -> list[str]:
        """Other channels than these, for which something has been due for that long."""


def of_channel(message: OutgoingMessage, channel: str) -> OutgoingMessage:
    """Two channels tell of the same events in messages of their own."""
    return replace(message, message_id=uuid5(message.message_id, channel))
