"""The outbox in the spool: what lanes send from while the database is away."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from ntp_checker.message import OutgoingMessage
from ntp_checker.model import Notification
from ntp_checker.notes import Decision, Note, NoteState, NoteSubject
from ntp_checker.notify.channel import Channel
from ntp_checker.outbox import of_channel
from ntp_checker.store.spool import Spool

#: Puts a message together from what is claimed and what the spool knows of it.
ComposeNoted = Callable[[Sequence[Note]], Awaitable[OutgoingMessage]]


class SpoolOutbox:
    """What is noted in the spool and waits; closed while the database has the say."""

    def __init__(self, spool: Spool, compose: ComposeNoted, now: Callable[[], datetime]) -> None:
        self.is_open = False
        self._spool = spool
        self._compose = compose
        self._now = now
        self._in_hand: set[str] = set()  #: channels that have a message under way
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def idle(self) -> None:
        """Returns when nothing is under way: what a provider took is noted."""
        await self._is_idle.wait()

    async def release(self, channel: str) -> int:
        """Nobody else sends from here: what is noted as waiting waits."""
        self._put_down(channel)
        return 0

    async def claim(self, channel: str) -> list[Note]:
        """Due ones, nothing while it is closed."""
        if not self.is_open:
            return []
        # Before the first await: whoever closes it then waits for us.
        self._in_hand.add(channel)
        self._is_idle.clear()
        notes: list[Note] = []
        try:
            notes = await self._spool.notes.claim(channel, self._now())
        finally:
            if not notes:
                self._put_down(channel)
        return notes

    async def make_message(
        self, claimed: Sequence[Note], channel: Channel
    ) -> tuple[OutgoingMessage, list[Note]]:
        """Composed and noted as about to be sent; nobody else can have taken them."""
        message = of_channel(await self._compose(claimed), channel.name)
        await self._spool.notes.put_message(message, channel.name, channel.recipients)
        return message, []

    async def settle_accepted(
        self, claimed: Sequence[Note], message: OutgoingMessage, answer: str
    ) -> list[Note]:
        """With the provider's answer."""
        lost = await self._spool.notes.settle(
            claimed,
            NoteState.ACCEPTED,
            self._now(),
            message_id=message.message_id,
            answer=answer,
        )
        self._put_down(claimed[0].channel)
        return lost

    async def settle_retry(
        self,
        claimed: Sequence[Note],
        *,
        message_id: UUID | None,
        error_kind: str,
        error_text: str,
        delay_s: float,
        stand_ins: Sequence[Notification] = (),
    ) -> list[Note]:
        """With why it was not accepted."""
        now = self._now()
        lost = await self._spool.notes.settle(
            claimed,
            NoteState.WAITING,
            now,
            message_id=message_id,
            answer=error_text,
            error_kind=error_kind,
            retry_at=now + timedelta(seconds=delay_s),
            stand_ins=_decisions(claimed, stand_ins),
        )
        self._put_down(claimed[0].channel)
        return lost

    async def settle_given_up(
        self,
        claimed: Sequence[Note],
        *,
        message_id: UUID | None,
        error_kind: str,
        error_text: str,
        stand_ins: Sequence[Notification] = (),
    ) -> list[Note]:
        """With why it never will be accepted."""
        lost = await self._spool.notes.settle(
            claimed,
            NoteState.GIVEN_UP,
            self._now(),
            message_id=message_id,
            answer=error_text,
            error_kind=error_kind,
            stand_ins=_decisions(claimed, stand_ins),
        )
        self._put_down(claimed[0].channel)
        return lost

    async def put_back(
        self, claimed: Sequence[Note], *, delay_s: float, stand_ins: Sequence[Notification] = ()
    ) -> list[Note]:
        """As it was before it was claimed."""
        now = self._now()
        lost = await self._spool.notes.put_back(
            claimed,
            now,
            retry_at=now + timedelta(seconds=delay_s),
            stand_ins=_decisions(claimed, stand_ins),
        )
        self._put_down(claimed[0].channel)
        return lost

    async def unknown_channels(self, channels: Collection[str], *, due_for_s: float) -> list[str]:
        """Of what is noted; none while it is closed."""
        if not self.is_open:
            return []
        found = await self._spool.notes.channels_due(self._now() - timedelta(seconds=due_for_s))
        return [channel for channel in found if channel not in channels]

    def _put_down(self, channel: str) -> None:
        self._in_hand.discard(channel)
        if not self._in_hand:
            self._is_idle.set()


def _decisions(claimed: Iterable[Note], notifications: Iterable[Notification]) -> list[Decision]:
    """The same transitions for other channels."""
    subjects = {
        note.transition.event_id: NoteSubject(
            transition=note.transition, alert=note.alert, group=note.group
        )
        for note in claimed
    }
    return [Decision(notification=one, subject=subjects[one.event_id]) for one in notifications]
