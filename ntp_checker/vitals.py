"""Asks the database every few seconds: is it there, does it fit, and what does it say of us."""

import asyncio

import structlog

from ntp_checker.errors import StoreError
from ntp_checker.metrics import CheckerMetrics, DatabaseState, Health, Waiting
from ntp_checker.store.pool import CheckerPool, store_errors
from ntp_checker.store.vitals import (
    check_schema_version,
    read_days_ahead,
    read_open_alerts,
    read_waiting,
)

log = structlog.get_logger()

ASK_EVERY_S = 5.0
#: A frozen server does not answer at all: then the connection is given up.
ANSWER_S = 3.0


async def ask_database(pool: CheckerPool) -> DatabaseState:
    """What it says. Raises StoreError without it, SchemaMismatch for another schema."""
    try:
        async with asyncio.timeout(ANSWER_S):
            with store_errors():
                async with pool.connection() as conn:
                    await check_schema_version(conn)
                    return DatabaseState(
                        waiting={
                            one.channel: Waiting(
                                notifications=one.notifications, oldest_age_s=one.oldest_age_s
                            )
                            for one in await read_waiting(conn)
                        },
                        open_alerts=await read_open_alerts(conn),
                        days_ahead=await read_days_ahead(conn),
                    )
    except TimeoutError as err:
        raise StoreError(f"no answer within {ANSWER_S:g} s") from err


async def keep_asking(pool: CheckerPool, metrics: CheckerMetrics, health: Health) -> None:
    """Tells metrics and probes what the database says. Never ends."""
    while True:
        try:
            metrics.database_said(await ask_database(pool))
            health.database_seen()
        except StoreError as err:
            health.database_lost()
            log.debug("database does not say how it is", reason=str(err))
        await asyncio.sleep(ASK_EVERY_S)
