"""One channel's way out of the outbox: no other channel waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic
from uuid import UUID

import structlog

from ntp_checker.errors import PartlyTaken, RowsRefused, SendError, SendErrorKind, StoreError
from ntp_checker.message import OutgoingMessage, clean_line
from ntp_checker.metrics import Delivery
from ntp_checker.model import Due, Notification
from ntp_checker.notify.channel import Channel
from ntp_checker.outbox.health import ChannelHealth
from ntp_checker.outbox.pace import TokenBucket, backoff_s, pause
from ntp_checker.outbox.patience import Breaks, Patience, is_long_away, rest_delay_s, retry_delay_s
from ntp_checker.outbox.waiting import D, Waiting
from ntp_checker.store.notifications import INTERNAL_ERROR, PARTLY_TAKEN

log = structlog.get_logger()

#: The same transitions for the next channel, as far as there is one.
StandIns = Callable[[Sequence[D]], list[Notification]]
#: Told of each attempt: the channel, and what came of it.
OnTried = Callable[[str, Delivery], None]
_Settle = Callable[[], Awaitable[list[D]]]

POLL_S = 1.0
#: Half of a claim: the rest is for settling.
SEND_TIMEOUT_S = 30.0
SETTLE_PAUSE_MAX_S = 5.0


class Lane(Generic[D]):
    """Sends what waits for one channel, a message at a time."""

    def __init__(
        self,
        waiting: Waiting[D],
        channel: Channel,
        *,
        messages_per_s: float,
        stand_ins: StandIns[D],
        wake: Callable[[str], None],
        on_tried: OnTried,
    ) -> None:
        self.queued = asyncio.Event()  #: there may be something to send
        self._waiting = waiting
        self.health = ChannelHealth(channel.name)
        self._channel = channel
        self._name = channel.name
        self._stand_ins = stand_ins
        self._wake = wake
        self._on_tried = on_tried
        self._rate = TokenBucket(messages_per_s)
        self._breaks = Breaks()
        self._patience = Patience()
        self._handed_over: set[UUID] = set()  #: events, since the channel took its last message
        self._is_released = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is being sent then is sent and settled."""
        while not stop.is_set():
            self.queued.clear()
            try:
                sent = await self._send_next(stop)
            except StoreError as err:
                log.debug("nothing sent", channel=self._name, reason=str(err))
                self._is_released = False  # what was claimed meanwhile nobody is sending
                sent = 0
            if not sent:
                await pause(self.queued, POLL_S)

    async def _send_next(self, stop: asyncio.Event) -> int:
        """One message, if one is due; how many notifications it covered. Raises StoreError."""
        loop = asyncio.get_running_loop()
        if not self._is_released:
            released = await self._waiting.release(self._name)
            self._is_released = True
            if released:
                log.info("claims taken up again", channel=self._name, notifications=released)
        now_s = loop.time()
        free_at_s = self._breaks.free_at_s
        if free_at_s > now_s and is_long_away(self.health.refused_since_s, free_at_s):
            return await self._hand_over()
        await pause(stop, max(free_at_s - now_s, self._rate.wait_s(now_s)))
        if stop.is_set():
            return 0
        claimed = await self._waiting.claim(self._name)
        if claimed:
            self._rate.take(loop.time())
            await self._deliver(claimed)
        return len(claimed)

    async def _deliver(self, claimed: Sequence[D]) -> None:
        """Sends what is claimed and settles it. Raises StoreError if that kept it from going out."""
        message: OutgoingMessage | None = None
        began_s = asyncio.get_running_loop().time()
        try:
            message, lost = await self._waiting.make_message(claimed, self._channel)
            if lost:
                log.warning("claim lost before sending", channel=self._name, lost=len(lost))
                return
            async with asyncio.timeout(SEND_TIMEOUT_S):
                answer = await self._channel.send(message)
        except PartlyTaken as err:
            await self._settle_rest(claimed, message, err)
            return
        except SendError as err:
            failure = err
        except TimeoutError:
            failure = SendError(f"no answer within {SEND_TIMEOUT_S:g} s", SendErrorKind.RETRY)
        except RowsRefused as err:
            log.exception("message cannot be stored", channel=self._name)
            await self._settle_fault(claimed, f"message cannot be stored: {err}")
            return
        except StoreError:
            raise
        except Exception as err:
            # A fault of ours in one message: others go out.
            log.exception("message cannot be made or sent", channel=self._name)
            await self._settle_fault(claimed, f"internal error: {type(err).__name__}")
            return
        else:
            await self._settle_accepted(claimed, message, answer)
            return
        await self._settle_failure(claimed, message, failure, began_s)

    async def _settle_accepted(
        self, claimed: Sequence[D], message: OutgoingMessage, answer: str
    ) -> None:
        async def settle() -> list[D]:
            return await self._waiting.settle_accepted(claimed, message, clean_line(answer))

        if not _is_rest(claimed):  # its time may be up, and nobody have taken it now
            self._note_works()
        self._patience.note_settled(claimed)
        self._on_tried(self._name, Delivery.ACCEPTED)
        lost = await self._settle(settle)
        log.info(
            "message accepted",
            channel=self._name,
            message_id=str(message.message_id),
            notifications=len(claimed),
        )
        if lost:
            log.warning(
                "claim lost while sending, it may be sent twice",
                channel=self._name,
                message_id=str(message.message_id),
                lost=len(lost),
            )

    async def _settle_rest(
        self, claimed: Sequence[D], message: OutgoingMessage | None, failure: PartlyTaken
    ) -> None:
        """Somebody has it. The others are tried again; nobody stands in, and nothing waits."""
        reason = clean_line(failure.detail)
        delay_s = rest_delay_s(max(one.attempts for one in claimed))
        if failure.is_news:
            self._note_works()
        self._patience.note_settled(claimed)
        self._on_tried(self._name, Delivery.RETRY)

        async def settle() -> list[D]:
            return await self._waiting.settle_retry(
                claimed,
                message_id=None if message is None else message.message_id,
                error_kind=PARTLY_TAKEN,
                error_text=reason,
                delay_s=delay_s,
            )

        lost = await self._settle(settle)
        log.warning("message partly taken", channel=self._name, reason=reason, lost=len(lost))

    async def _hand_over(self) -> int:
        """In a break: what is due goes to the channels that stand in, untried; how many those are.

        All waits for the end of the break then.
        """
        claimed = await self._waiting.claim(self._name)
        if not claimed:
            return 0
        others = [one for one in self._others(claimed) if one.event_id not in self._handed_over]
        break_s = max(0.0, self._breaks.free_at_s - asyncio.get_running_loop().time())

        async def settle() -> list[D]:
            return await self._waiting.put_back(claimed, delay_s=break_s, stand_ins=others)

        await self._settle(settle)
        self._handed_over |= {one.event_id for one in others}
        ways = self._wake_all(others)
        if ways:
            log.warning("message handed over untried", channel=self._name, stand_ins=ways)
        return len(claimed)

    def _others(self, claimed: Sequence[D]) -> list[Notification]:
        """Who stands in for what nobody has yet."""
        return self._stand_ins([one for one in claimed if one.error_kind != PARTLY_TAKEN])

    def _wake_all(self, others: Sequence[Notification]) -> list[str]:
        ways = sorted({one.channel for one in others})
        for way in ways:
            self._wake(way)
        return ways

    def _note_works(self) -> None:
        self._breaks.note_works()
        self._handed_over.clear()
        self.health.note_accepted()

    async def _settle_failure(
        self,
        claimed: Sequence[D],
        message: OutgoingMessage | None,
        failure: SendError,
        began_s: float,
    ) -> None:
        """`began_s`: when the attempt began; the next one is taken to last as long."""
        attempts = max(one.attempts for one in claimed)
        delay_s = retry_delay_s(failure, attempts)
        now_s = asyncio.get_running_loop().time()
        self._breaks.take(failure, now_s)
        self._patience.note_failed(claimed, now_s)
        next_at_s = max(now_s + delay_s, self._breaks.free_at_s) + (now_s - began_s)
        is_for_others = failure.kind is not SendErrorKind.RETRY or self._patience.is_over(
            claimed, next_at_s, self.health.refused_since_s, now_s
        )
        others = self._others(claimed) if is_for_others else []
        is_taken_over = failure.kind is SendErrorKind.NEXT_CHANNEL and len(others) == len(claimed)
        is_given_up = is_taken_over or failure.kind is SendErrorKind.PERMANENT
        self._on_tried(self._name, Delivery.GIVEN_UP if is_given_up else Delivery.RETRY)
        message_id = None if message is None else message.message_id
        reason = clean_line(failure.detail)
        self.health.note_refused(reason, now_s, is_given_up=is_given_up)
        if is_given_up:
            self._patience.note_settled(claimed)

        async def settle() -> list[D]:
            if is_given_up:
                return await self._waiting.settle_given_up(
                    claimed,
                    message_id=message_id,
                    error_kind=failure.kind,
                    error_text=reason,
                    stand_ins=others,
                )
            return await self._waiting.settle_retry(
                claimed,
                message_id=message_id,
                error_kind=failure.kind,
                error_text=reason,
                delay_s=delay_s,
                stand_ins=others,
            )

        lost = await self._settle(settle)
        ways = self._wake_all(others)
        log.warning(
            "message not accepted",
            channel=self._name,
            kind=failure.kind.value,
            reason=reason,
            attempts=attempts,
            stand_ins=ways,
            lost=len(lost),
        )

    async def _settle_fault(self, claimed: Sequence[D], reason: str) -> None:
        """Each is tried again alone, so that only what is at fault stays behind."""
        self._on_tried(self._name, Delivery.FAULT)
        delay_s = backoff_s(max(one.attempts for one in claimed))

        async def settle() -> list[D]:
            return await self._waiting.settle_retry(
                claimed,
                message_id=None,
                error_kind=INTERNAL_ERROR,
                error_text=clean_line(reason),
                delay_s=delay_s,
            )

        await self._settle(settle)

    async def _settle(self, settle: _Settle[D]) -> list[D]:
        """Those no longer ours. Goes on until it is on disk: else it would be sent again."""
        attempts = 0
        while True:
            try:
                return await settle()
            except RowsRefused:
                raise
            except StoreError:
                attempts += 1
                await asyncio.sleep(min(SETTLE_PAUSE_MAX_S, backoff_s(attempts)))


def _is_rest(claimed: Sequence[Due]) -> bool:
    """True for a message that some of its recipients have."""
    return any(one.error_kind == PARTLY_TAKEN for one in claimed)
