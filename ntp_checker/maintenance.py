"""Keeps the partitions made ahead, drops those past retention, and prunes the archive."""

import asyncio
from collections.abc import Callable

import structlog

from ntp_checker.errors import StoreError
from ntp_checker.store.alert_archive import prune_alerts
from ntp_checker.store.archive import prune_archive
from ntp_checker.store.partitions import PartitionOutcome, maintain
from ntp_checker.store.pool import CheckerPool, store_errors

log = structlog.get_logger()

#: Hourly costs milliseconds, sees to it that days are made ahead, and tries busy drops again.
MAINTENANCE_INTERVAL_S = 3_600.0
RETRY_S = 60.0
RUN_TIMEOUT_S = 120.0
#: How long rollups, evidence, changes of sources, and alerts that ended are kept.
ARCHIVE_DAYS = 400


async def maintain_once(
    pool: CheckerPool, *, retention_days: int, premake_days: int, archive_days: int = ARCHIVE_DAYS
) -> list[PartitionOutcome]:
    """One run, with what changed in the log. Raises StoreError if it could not be made."""
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            with store_errors():
                async with pool.connection() as conn:
                    outcomes = await maintain(
                        conn, retention_days=retention_days, premake_days=premake_days
                    )
                    pruned = await prune_archive(conn, archive_days=archive_days)
                    pruned |= await prune_alerts(conn, archive_days=archive_days)
    except TimeoutError as err:
        raise StoreError(f"no answer within {RUN_TIMEOUT_S:g} s") from err
    for outcome in outcomes:
        if outcome.outcome in {"created", "dropped"}:
            log.info("partition changed", partition=outcome.partition, outcome=outcome.outcome)
        elif outcome.outcome != "present":
            log.warning(
                "partition left for the next run",
                partition=outcome.partition,
                action=outcome.action,
                outcome=outcome.outcome,
            )
    for table, rows in pruned.items():
        if rows:
            log.info("archive pruned", table=table, rows=rows)
    return outcomes


async def run_maintenance(
    pool: CheckerPool,
    stop: asyncio.Event,
    *,
    retention_days: int,
    premake_days: int,
    archive_days: int = ARCHIVE_DAYS,
    on_done: Callable[[], None] = lambda: None,
) -> None:
    """At once and then hourly until `stop`; each minute while it can't.

    `on_done` is called after each run that ended well.
    """
    has_failed = False
    while not stop.is_set():
        pause_s = MAINTENANCE_INTERVAL_S
        try:
            await maintain_once(
                pool,
                retention_days=retention_days,
                premake_days=premake_days,
                archive_days=archive_days,
            )
            has_failed = False
            on_done()
        except StoreError as err:
            pause_s = RETRY_S
            if not has_failed:
                log.warning("partitions could not be maintained", reason=str(err))
            has_failed = True
        try:
            async with asyncio.timeout(pause_s):
                await stop.wait()
        except TimeoutError:
            continue
