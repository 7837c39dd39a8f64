"""The outbox in PostgreSQL: short transactions, with an end, and one line while none works."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from ntp_checker.errors import RowsRefused, StoreError
from ntp_checker.message import OutgoingMessage
from ntp_checker.model import Notification
from ntp_checker.notify.channel import Channel
from ntp_checker.outbox.waiting import of_channel
from ntp_checker.store.notifications import (
    Claimed,
    claim,
    put_back,
    queue,
    release,
    settle_accepted,
    settle_given_up,
    settle_retry,
    store_message,
    unknown_channels,
)
from ntp_checker.store.pool import CheckerConnection, CheckerPool, store_errors

log = structlog.get_logger()

#: Puts a message together from what is claimed and what the database knows of it.
Compose = Callable[[CheckerConnection, Sequence[Claimed]], Awaitable[OutgoingMessage]]

#: A frozen server does not answer at all: then the connection is given up.
DATABASE_TIMEOUT_S = 10.0


class DatabaseOutbox:
    """What waits in the database, for `owner` to send.

    While `is_open` says no, nothing new is claimed; what is in hand is sent and settled.
    """

    def __init__(
        self,
        pool: CheckerPool,
        compose: Compose,
        *,
        owner: str,
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pool = pool
        self._compose = compose
        self._owner = owner
        self._is_open = is_open
        self._is_away = False

    async def release(self, channel: str) -> int:
        """What an earlier run of the same owner left claimed: nobody is sending that."""
        async with self._transaction() as conn:
            return await release(conn, self._owner, channel)

    async def claim(self, channel: str) -> list[Claimed]:
        """Due ones, until CLAIM_S from now ours alone."""
        if not self._is_open():
            return []
        async with self._transaction() as conn:
            # It may have been closed while the database kept us waiting.
            return await claim(conn, self._owner, channel) if self._is_open() else []

    async def make_message(
        self, claimed: Sequence[Claimed], channel: Channel
    ) -> tuple[OutgoingMessage, list[Claimed]]:
        """Composed and noted as about to be sent."""
        async with self._transaction() as conn:
            message = of_channel(await self._compose(conn, claimed), channel.name)
            return message, await store_message(conn, claimed, message, channel.recipients)

    async def settle_accepted(
        self, claimed: Sequence[Claimed], message: OutgoingMessage, answer: str
    ) -> list[Claimed]:
        """With the provider's answer."""
        async with self._transaction() as conn:
            return await settle_accepted(conn, claimed, message, answer)

    async def settle_retry(
        self,
        claimed: Sequence[Claimed],
        *,
        message_id: UUID | None,
        error_kind: str,
        error_text: str,
        delay_s: float,
        stand_ins: Sequence[Notification] = (),
    ) -> list[Claimed]:
        """With why it was not accepted."""
        async with self._transaction() as conn:
            lost = await settle_retry(
                conn,
                claimed,
                message_id=message_id,
                error_kind=error_kind,
                error_text=error_text,
                delay_s=delay_s,
            )
            await queue(conn, stand_ins)
            return lost

    async def settle_given_up(
        self,
        claimed: Sequence[Claimed],
        *,
        message_id: UUID | None,
        error_kind: str,
        error_text: str,
        stand_ins: Sequence[Notification] = (),
    ) -> list[Claimed]:
        """With why it never will be accepted."""
        async with self._transaction() as conn:
            lost = await settle_given_up(
                conn,
                claimed,
                message_id=message_id,
                error_kind=error_kind,
                error_text=error_text,
            )
            await queue(conn, stand_ins)
            return lost

    async def put_back(
        self, claimed: Sequence[Claimed], *, delay_s: float, stand_ins: Sequence[Notification] = ()
    ) -> list[Claimed]:
        """As it was before it was claimed."""
        async with self._transaction() as conn:
            lost = await put_back(conn, claimed, delay_s=delay_s)
            await queue(conn, stand_ins)
            return lost

    async def unknown_channels(self, channels: Collection[str], *, due_for_s: float) -> list[str]:
        """By their names in the outbox; none while it is closed."""
        if not self._is_open():
            return []
        async with self._transaction() as conn:
            return await unknown_channels(conn, channels, due_for_s=due_for_s)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[CheckerConnection]:
        """Committed at its end. Raises StoreError for all the database has against it."""
        try:
            try:
                async with asyncio.timeout(DATABASE_TIMEOUT_S):
                    with store_errors():
                        async with self._pool.connection() as conn, conn.transaction():
                            yield conn
            except TimeoutError as err:
                raise StoreError(f"no answer within {DATABASE_TIMEOUT_S:g} s") from err
        except RowsRefused:
            raise
        except StoreError as err:
            if not self._is_away:
                self._is_away = True
                log.warning("outbox cannot be reached, messages wait", reason=str(err))
            raise
        if self._is_away:
            self._is_away = False
            log.info("outbox is reached again")
