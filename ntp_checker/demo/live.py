"""The fleet goes on living: looked at every interval, through spool and writer as real hosts."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from ntp_checker.config import Settings
from ntp_checker.cycle import StatusLog
from ntp_checker.demo.examiner import RAW_EVERY, Examiner
from ntp_checker.demo.host import SimulatedHost
from ntp_checker.errors import StoreError
from ntp_checker.maintenance import run_maintenance
from ntp_checker.rollup import run_rollups
from ntp_checker.schedule import Clock, Slots, run_slots
from ntp_checker.store.clock import read_clock
from ntp_checker.store.conninfo import AnyUrl
from ntp_checker.store.pool import CheckerPool, open_checker_pool, store_errors
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer

log = structlog.get_logger()

FOLLOW_CLOCK_S = 60.0
#: The dashboard leaves within 5 s; after this it is made to.
STOP_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHost:
    """A host whose past is in the database."""

    host: SimulatedHost
    lease_epoch: int
    stored_until: datetime  #: slots before it have their row


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """What the parts of the running demo share."""

    settings: Settings
    spool: Spool
    pool: CheckerPool
    clock: Clock = field(default_factory=Clock)
    status_log: StatusLog = field(default_factory=StatusLog)


async def live(settings: Settings, url: AnyUrl, hosts: Sequence[StoredHost]) -> int:
    """Runs simulation and dashboard until SIGTERM or SIGINT, or until the dashboard ends.

    Returns 0 after a signal, else the dashboard's exit status. Raises StoreError, ConfigError
    where it can't start.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    spool = Spool(settings.data_dir / "spool.sqlite", max_bytes=settings.spool_max_bytes)
    try:
        pool = await open_checker_pool(url)
        try:
            simulator = Simulator(settings=settings, spool=spool, pool=pool)
            await _follow_clock(simulator)
            return await _live(simulator, hosts, stop)
        finally:
            await pool.close()
    finally:
        await spool.close()


async def _live(simulator: Simulator, hosts: Sequence[StoredHost], stop: asyncio.Event) -> int:
    settings, pool, stop_writing = simulator.settings, simulator.pool, asyncio.Event()
    maintenance = run_maintenance(
        pool, stop, retention_days=settings.retention_days, premake_days=settings.premake_days
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(Writer(simulator.spool, pool).run(stop_writing))
        tasks = [
            group.create_task(_keep_to_clock(simulator)),
            group.create_task(maintenance),
            group.create_task(run_rollups(pool, stop)),
            *(group.create_task(_live_on(simulator, host)) for host in hosts),
        ]
        try:
            return await _serve(settings, stop)
        finally:
            for task in tasks:
                task.cancel()
            stop_writing.set()


async def _follow_clock(simulator: Simulator) -> None:
    """Sets our clock by the database's, as a checker does. Raises StoreError."""
    with store_errors():
        async with simulator.pool.connection() as connection:
            asked_at_s = time.monotonic()
            simulator.clock.follow(await read_clock(connection), asked_at_s)


async def _keep_to_clock(simulator: Simulator) -> None:
    while True:
        await asyncio.sleep(FOLLOW_CLOCK_S)
        try:
            await _follow_clock(simulator)
        except StoreError as error:
            log.debug("database's clock not heard", reason=str(error))


async def _live_on(simulator: Simulator, stored: StoredHost) -> None:
    """First the slots since the history's end, then each one as it comes. Never ends."""
    settings, spec = simulator.settings, stored.host.spec
    slots = Slots(spec.host.name, settings.interval_s)
    examiner = Examiner(spec, settings.gps_interval_s, RAW_EVERY)
    look = partial(_look, simulator, stored, examiner)
    slot_at = slots.after(stored.stored_until)
    while slot_at <= simulator.clock.now():
        await look(slot_at)
        slot_at = slots.after(slot_at)
    await run_slots(slots, simulator.clock, look)


async def _look(
    simulator: Simulator, stored: StoredHost, examiner: Examiner, slot_at: datetime
) -> None:
    """One slot of one host, safe in the spool afterwards. Raises StoreError."""
    judged = examiner.judged(stored.host.look(slot_at))
    await simulator.spool.append(judged, stored.lease_epoch)
    simulator.status_log.note(judged)


async def _serve(settings: Settings, stop: asyncio.Event) -> int:
    """The dashboard in a process of its own, until `stop` or its own end: its exit status."""
    dashboard = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ntp_checker",
        "dashboard",
        env={**os.environ, "NTP_CHECKER_DATA_DIR": str(settings.data_dir)},
        start_new_session=True,  # Ctrl-C reaches us alone, and we pass it on once
    )
    log.info("open the dashboard: all it shows is simulated", url=f"http://{settings.listen}/")
    ended, stopped = asyncio.create_task(dashboard.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            log.error("the dashboard ended by itself", exit_status=ended.result())
            return ended.result() or 1
    finally:
        stopped.cancel()
        if dashboard.returncode is None:
            dashboard.terminate()
            await asyncio.wait({ended}, timeout=STOP_S)
        if dashboard.returncode is None:
            log.error("the dashboard did not stop in time, killed", pid=dashboard.pid)
            dashboard.kill()
            await ended
    return 0
