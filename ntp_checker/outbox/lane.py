"""One channel's way out of the outbox: no other channel waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Generic
from uuid import uuid5

import structlog

from ntp_checker.errors import RowsRefused, SendError, SendErrorKind, StoreError
from ntp_checker.message import OutgoingMessage, clean_line
from ntp_checker.metrics import Delivery
from ntp_checker.model import Notification
from ntp_checker.notify.channel import Channel
from ntp_checker.outbox.health import ChannelHealth
from ntp_checker.outbox.pace import BACKOFF_MAX_S, TokenBucket, backoff_s
from ntp_checker.outbox.waiting import D, Waiting
from ntp_checker.store.notifications import INTERNAL_ERROR

log = structlog.get_logger()

#: The same transitions for the next channel, as far as there is one.
StandIns = Callable[[Sequence[D]], list[Notification]]
#: Told of each attempt: the channel, and what came of it.
OnTried = Callable[[str, Delivery], None]
_Settle = Callable[[], Awaitable[list[D]]]

POLL_S = 1.0
#: Half of a claim: the rest is for settling.
SEND_TIMEOUT_S = 30.0
#: A channel that fails takes a break between two groups, too, or each would find out by itself.
BREAK_MAX_S = 30.0
SETTLE_PAUSE_MAX_S = 5.0
#: About a minute of back-off: from here on the next channel is told as well.
FALLBACK_ATTEMPTS = 7


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
        self._failures = 0  #: in a row
        self._free_at_s = 0.0  #: of the loop's clock; nothing is tried before
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
        await pause(stop, max(self._free_at_s - now_s, self._rate.wait_s(now_s)))
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
        try:
            message, lost = await self._waiting.make_message(claimed, self._channel)
            if lost:
                log.warning("claim lost before sending", channel=self._name, lost=len(lost))
                return
            async with asyncio.timeout(SEND_TIMEOUT_S):
                answer = await self._channel.send(message)
        except SendError as err:
            failure = err
            self._take_break(failure)
        except TimeoutError:
            failure = SendError(f"no answer within {SEND_TIMEOUT_S:g} s", SendErrorKind.RETRY)
            self._take_break(failure)
        except RowsRefused as err:
            log.exception("message cannot be stored", channel=self._name)
            await self._settle_fault(claimed, f"message cannot be stored: {err}")
            return
        except StoreError:
            raise
        except Exception as err:
            # A fault of ours in one message: it waits for its next turn, and others go out.
            log.exception("message cannot be made or sent", channel=self._name)
            await self._settle_fault(claimed, f"internal error: {type(err).__name__}")
            return
        else:
            await self._settle_accepted(claimed, message, answer)
            return
        await self._settle_failure(claimed, message, failure)

    async def _settle_accepted(
        self, claimed: Sequence[D], message: OutgoingMessage, answer: str
    ) -> None:
        async def settle() -> list[D]:
            return await self._waiting.settle_accepted(claimed, message, clean_line(answer))

        self._failures = 0
        self.health.note_accepted()
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

    async def _settle_failure(
        self, claimed: Sequence[D], message: OutgoingMessage | None, failure: SendError
    ) -> None:
        attempts = max(one.attempts for one in claimed)
        others = self._stand_ins(claimed) if _is_for_others(failure, attempts) else []
        is_taken_over = failure.kind is SendErrorKind.NEXT_CHANNEL and len(others) == len(claimed)
        is_given_up = is_taken_over or failure.kind is SendErrorKind.PERMANENT
        self._on_tried(self._name, Delivery.GIVEN_UP if is_given_up else Delivery.RETRY)
        message_id = None if message is None else message.message_id
        reason = clean_line(failure.detail)
        now_s = asyncio.get_running_loop().time()
        self.health.note_refused(reason, now_s, is_given_up=is_given_up)

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
                delay_s=_delay_s(failure, attempts),
                stand_ins=others,
            )

        lost = await self._settle(settle)
        ways = sorted({one.channel for one in others})
        log.warning(
            "message not accepted",
            channel=self._name,
            kind=failure.kind.value,
            reason=reason,
            attempts=attempts,
            stand_ins=ways,
            lost=len(lost),
        )
        for way in ways:
            self._wake(way)

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

    def _take_break(self, failure: SendError) -> None:
        """Where the trouble is the channel's and not the message's, the next group waits, too."""
        if failure.kind not in (SendErrorKind.RETRY, SendErrorKind.OWN_CLOCK):
            return
        self._failures += 1
        pause_s = min(BREAK_MAX_S, backoff_s(self._failures))
        if failure.retry_after_s is not None:
            pause_s = backoff_s(1, retry_after_s=failure.retry_after_s)
        self._free_at_s = asyncio.get_running_loop().time() + pause_s


def of_channel(message: OutgoingMessage, channel: str) -> OutgoingMessage:
    """Two channels tell of the same events in messages of their own."""
    return replace(message, message_id=uuid5(message.message_id, channel))


def _is_for_others(failure: SendError, attempts: int) -> bool:
    """True if the next channel is to be told, too."""
    return failure.kind is not SendErrorKind.RETRY or attempts >= FALLBACK_ATTEMPTS


def _delay_s(failure: SendError, attempts: int) -> float:
    delay_s = backoff_s(attempts, retry_after_s=failure.retry_after_s)
    return max(BACKOFF_MAX_S, delay_s) if failure.kind is SendErrorKind.NEXT_CHANNEL else delay_s


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Waits this long, or until the event."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await until.wait()
