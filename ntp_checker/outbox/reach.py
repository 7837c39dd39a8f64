"""The outbox's transactions: short ones, with an end, and one line in the log while none works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from ntp_checker.errors import RowsRefused, StoreError
from ntp_checker.store.pool import CheckerConnection, CheckerPool, store_errors

log = structlog.get_logger()

#: A frozen server does not answer at all: then the connection is given up.
DATABASE_TIMEOUT_S = 10.0


class OutboxReach:
    """Shared by all channels."""

    def __init__(self, pool: CheckerPool) -> None:
        self._pool = pool
        self._is_away = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[CheckerConnection]:
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
