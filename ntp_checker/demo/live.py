"""The fleet goes on living: looked at every interval, through spool and writer as real hosts."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from ntp_checker.config import Settings
from ntp_checker.demo.examiner import RAW_EVERY, Examiner
from ntp_checker.demo.host import SimulatedHost
from ntp_checker.maintenance import run_maintenance
from ntp_checker.schedule import Slots, run_slots
from ntp_checker.service import Checker
from ntp_checker.store.pool import open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer

log = structlog.get_logger()

#: The dashboard leaves within 5 s; after this it is made to.
STOP_S = 8.0


async def live(
    settings: Settings, url: str, hosts: Sequence[SimulatedHost], stored_until: datetime
) -> int:
    """Runs simulation and dashboard until SIGTERM or SIGINT, or until the dashboard ends.

    `stored_until` is where the history ends. Returns 0 after a signal, else the dashboard's exit
    status. Raises StoreError, ConfigError where it can't start.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    spool = Spool(settings.data_dir / "spool.sqlite")
    try:
        pool = await open_checker_pool(url)
        try:
            checker = Checker(
                settings=settings,
                url=url,
                hosts=tuple(host.spec.host for host in hosts),
                spool=spool,
                pool=pool,
                writer=Writer(spool, pool),
            )
            await checker.register()
            return await _live(checker, hosts, stored_until, stop)
        finally:
            await pool.close()
    finally:
        await spool.close()


async def _live(
    checker: Checker, hosts: Sequence[SimulatedHost], stored_until: datetime, stop: asyncio.Event
) -> int:
    stop_writing = asyncio.Event()
    settings = checker.settings
    async with asyncio.TaskGroup() as group:
        group.create_task(checker.writer.run(stop_writing))
        tasks = [
            group.create_task(checker.stay_registered()),
            group.create_task(
                run_maintenance(
                    checker.pool,
                    stop,
                    retention_days=settings.retention_days,
                    premake_days=settings.premake_days,
                )
            ),
            *(group.create_task(_live_on(checker, host, stored_until)) for host in hosts),
        ]
        try:
            return await _serve(settings, stop)
        finally:
            for task in tasks:
                task.cancel()
            stop_writing.set()


async def _live_on(checker: Checker, host: SimulatedHost, stored_until: datetime) -> None:
    """First the slots since the history's end, then each one as it comes. Never ends."""
    slots = Slots(host.spec.host.name, checker.settings.interval_s)
    look = partial(
        _look, checker, host, Examiner(host.spec, checker.settings.gps_interval_s, RAW_EVERY)
    )
    slot_at = slots.after(stored_until)
    while slot_at <= checker.clock.now():
        await look(slot_at)
        slot_at = slots.after(slot_at)
    await run_slots(slots, checker.clock, look)


async def _look(
    checker: Checker, host: SimulatedHost, examiner: Examiner, slot_at: datetime
) -> None:
    """One slot of one host, safe in the spool afterwards. Raises StoreError."""
    judged = examiner.judged(host.look(slot_at))
    await checker.spool.append(judged, checker.epochs[host.spec.host.name])
    checker.status_log.note(judged)


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
