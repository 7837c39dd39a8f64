"""`ntp-checker demo`: a simulated fleet with a past, in a folder and a database of its own."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog

from ntp_checker.config import Settings, check_sign_in
from ntp_checker.demo.fleet import make_fleet
from ntp_checker.demo.folder import fresh_folder
from ntp_checker.demo.history import HostPlan, Plan, load_history
from ntp_checker.demo.host import HostSpec
from ntp_checker.demo.live import StoredHost, live
from ntp_checker.demo.slots import HISTORY_DAYS
from ntp_checker.errors import ConfigError, StoreError
from ntp_checker.rollup import roll_up
from ntp_checker.service import database
from ntp_checker.store.conninfo import AnyUrl
from ntp_checker.store.hosts import note_configs, sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.partitions import create_days
from ntp_checker.store.pool import open_checker_pool, store_errors
from ntp_checker.store.rollups import TIERS

log = structlog.get_logger()

#: Sparse rows of many days cost a run more than the dense ones of a few: whole runs over tables
#: that were filled a moment ago took more than the 30 s that a statement may.
PORTIONS = 10


def run_demo(settings: Settings, *, days: float = HISTORY_DAYS, seed: str = "1") -> int:
    """Makes the past, then runs simulation and dashboard until SIGTERM or SIGINT.

    `days` is the length of the past; the same `seed` gives the same noise. Returns the exit
    status. Raises ConfigError, StoreError where it can't start.
    """
    for name in ("database_url", "database_read_url"):
        if getattr(settings, name) is not None:
            raise ConfigError(
                f"{name.upper()} is set: the demo has a database of its own and never writes "
                "simulated samples into a given one; unset it"
            )
    check_sign_in(settings)
    signal.signal(signal.SIGTERM, _leave)
    with fresh_folder(settings.data_dir) as folder:
        own = settings.model_copy(update={"data_dir": folder})
        with database(own) as url:
            try:
                hosts = _make_past(own, url, days, seed)
            except KeyboardInterrupt:
                log.info("stopping")
                return 0
            return asyncio.run(live(own, url, hosts))


def _make_past(settings: Settings, url: AnyUrl, days: float, seed: str) -> list[StoredHost]:
    """Every host, with its past in the database and in the rollups. Raises StoreError."""
    now = datetime.now(UTC)
    plan = Plan(
        url=url,
        seed=seed,
        interval_s=settings.interval_s,
        gps_interval_s=settings.gps_interval_s,
        from_at=now - timedelta(days=min(days, settings.retention_days)),
        to_at=now,
    )
    plans = asyncio.run(_prepare(plan, make_fleet(now.timestamp())))
    simulated = load_history(plan, plans)
    asyncio.run(_roll_up(url))
    epochs = {one.spec.host.name: one.lease_epoch for one in plans}
    return [
        StoredHost(host=host, lease_epoch=epochs[host.spec.host.name], stored_until=now)
        for host in simulated
    ]


def _leave(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM while the past is made: as Ctrl-C, so that all that was opened is closed."""
    raise KeyboardInterrupt


async def _prepare(plan: Plan, specs: Sequence[HostSpec]) -> list[HostPlan]:
    """Afterwards the hosts are known, their leases ours, and every day has its partition."""
    hosts = [spec.host for spec in specs]
    first, last = plan.from_at.date(), plan.to_at.date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    pool = await open_checker_pool(plan.url)
    try:
        with store_errors():
            async with pool.connection() as conn:
                await create_days(conn, days)
                ids = await sync_hosts(conn, hosts)
                await note_configs(conn, hosts, ids, interval_s=plan.interval_s)
                owner = f"{socket.gethostname()}/{os.getpid()}"
                epochs = await take_all(conn, owner, ids.values())
    finally:
        await pool.close()
    return [HostPlan(spec=spec, lease_epoch=epochs[ids[spec.host.name]]) for spec in specs]


async def _roll_up(url: AnyUrl) -> None:
    """Afterwards the rollups of the whole past are there.

    What a slow machine does not manage is left to those who keep them current from now on.
    """
    began_s = time.monotonic()
    pool = await open_checker_pool(url)
    try:
        for tier in TIERS:
            portion = replace(tier, max_buckets=tier.max_buckets // PORTIONS)
            while await roll_up(pool, portion):
                pass
        log.info("rollups are there", took_s=round(time.monotonic() - began_s, 1))
    except StoreError as error:
        log.warning("rollups are made later", reason=str(error))
    finally:
        await pool.close()
