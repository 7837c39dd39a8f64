"""`ntp-checker demo`: a simulated fleet with a past, in a folder and a database of its own."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog

from ntp_checker.config import Settings
from ntp_checker.demo.fleet import make_fleet
from ntp_checker.demo.folder import fresh_folder
from ntp_checker.demo.history import HostPlan, Plan, load_history
from ntp_checker.demo.host import HostSpec
from ntp_checker.demo.live import live
from ntp_checker.demo.slots import HISTORY_DAYS
from ntp_checker.errors import ConfigError
from ntp_checker.service import Checker, database
from ntp_checker.store.partitions import create_days
from ntp_checker.store.pool import open_checker_pool, store_errors
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer

log = structlog.get_logger()


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
    signal.signal(signal.SIGTERM, _leave)
    with fresh_folder(settings.data_dir) as folder:
        own = settings.model_copy(update={"data_dir": folder})
        with database(own) as url:
            try:
                now = datetime.now(UTC)
                specs = make_fleet(now.timestamp())
                plan = Plan(
                    url=url,
                    seed=seed,
                    interval_s=own.interval_s,
                    gps_interval_s=own.gps_interval_s,
                    from_at=now - timedelta(days=min(days, own.retention_days)),
                    to_at=now,
                )
                hosts = load_history(plan, asyncio.run(_prepare(own, plan, specs)))
            except KeyboardInterrupt:
                log.info("stopping")
                return 0
            return asyncio.run(live(own, url, hosts, now))


def _leave(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM while the past is made: as Ctrl-C, so that all that was opened is closed."""
    raise KeyboardInterrupt


async def _prepare(settings: Settings, plan: Plan, specs: Sequence[HostSpec]) -> list[HostPlan]:
    """Afterwards the hosts are known, their leases ours, and every day has its partition."""
    spool = Spool(settings.data_dir / "spool.sqlite")
    try:
        pool = await open_checker_pool(plan.url)
        try:
            checker = Checker(
                settings=settings,
                url=plan.url,
                hosts=tuple(spec.host for spec in specs),
                spool=spool,
                pool=pool,
                writer=Writer(spool, pool),
            )
            await checker.register()
            first, last = plan.from_at.date(), plan.to_at.date()
            days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
            with store_errors():
                async with pool.connection() as conn:
                    await create_days(conn, days)
        finally:
            await pool.close()
    finally:
        await spool.close()
    return [HostPlan(spec=spec, lease_epoch=checker.epochs[spec.host.name]) for spec in specs]
