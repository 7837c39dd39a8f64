"""The checker put together: hosts, probes, spool, writer, and how they start and stop."""

import asyncio
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from ntp_checker.check import credentials_for, make_shell
from ntp_checker.collect.probe import Probe
from ntp_checker.config import Settings
from ntp_checker.cycle import StatusLog, run_cycle
from ntp_checker.embedded import embedded_postgres
from ntp_checker.errors import ConfigError, NtpCheckerError, SchemaMismatch, StoreError
from ntp_checker.maintenance import maintain_once, run_maintenance
from ntp_checker.model import Host, Sample
from ntp_checker.resources import command_name
from ntp_checker.schedule import Clock, Slots, run_slots
from ntp_checker.store.clock import read_clock
from ntp_checker.store.hosts import note_configs, sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.migrate import init_or_check
from ntp_checker.store.partitions import PartitionOutcome
from ntp_checker.store.pool import CheckerPool, open_checker_pool, store_errors
from ntp_checker.store.spool import Spool
from ntp_checker.targets import LOCAL, parse_target
from ntp_checker.writer import Writer

log = structlog.get_logger()

REGISTER_RETRY_S = (1.0, 5.0)
#: Our monotonic clock drifts by some 10 ppm against the database's: 0.6 ms in this time.
FOLLOW_CLOCK_S = 60.0


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the database; while inside, the embedded server runs where none was given.

    Raises ConfigError, StoreError; SchemaMismatch where a given database has another schema.
    """
    if settings.database_url is not None:
        yield settings.database_url
    elif not settings.embedded:
        raise ConfigError(
            "DATABASE_URL: not set, and NTP_CHECKER_EMBEDDED=0 forbids our own server"
        )
    else:
        with embedded_postgres(settings.data_dir) as url:
            init_or_check(url, initialise=True)
            yield url


def how_to_add_a_host() -> str:
    """What to do where no host is configured, in one line."""
    return (
        "no host to watch: set NTP_CHECKER_HOSTS to [user@]host[:port], several with commas, "
        f"and run `{command_name()} trust [user@]host[:port]` once for each"
    )


def hosts_to_watch(settings: Settings) -> tuple[Host, ...]:
    """The configured hosts; without any, this machine if chronyd's client is here."""
    if settings.hosts:
        return settings.hosts
    return (parse_target(LOCAL),) if shutil.which("chronyc") else ()


@dataclass(slots=True)
class Checker:
    """What the parts of one running checker share."""

    settings: Settings
    url: str
    hosts: tuple[Host, ...]
    spool: Spool
    pool: CheckerPool
    writer: Writer
    clock: Clock = field(default_factory=Clock)
    #: Lease epoch by host name; 0 before the database was reached: such rows are stored, and
    #: leave what is true now to whoever holds the lease.
    epochs: dict[str, int] = field(default_factory=dict)
    status_log: StatusLog = field(default_factory=StatusLog)

    async def register(self) -> None:
        """Makes our hosts known, takes their leases, takes over the database's clock.

        Raises StoreError without a database, SchemaMismatch for another schema than ours.
        """
        await asyncio.to_thread(init_or_check, self.url, initialise=False)
        with store_errors():
            async with self.pool.connection() as connection:
                ids = await sync_hosts(connection, self.hosts)
                await note_configs(connection, self.hosts, ids, interval_s=self.settings.interval_s)
                owner = f"{socket.gethostname()}/{os.getpid()}"
                epochs = await take_all(connection, owner, ids.values())
        await self.follow_clock()
        self.epochs.update({name: epochs[host_id] for name, host_id in ids.items()})

    async def follow_clock(self) -> None:
        """Sets our clock by the database's. Raises StoreError."""
        with store_errors():
            async with self.pool.connection() as connection:
                asked_at_s = time.monotonic()
                database_now = await read_clock(connection)
                step_s = self.clock.follow(database_now, asked_at_s)
        log.debug("clock set by the database", step_s=step_s)

    async def stay_registered(self) -> None:
        """Registers as soon as the database is there, then keeps to its clock. Never ends."""
        while not self.epochs:
            await asyncio.sleep(random.uniform(*REGISTER_RETRY_S))  # noqa: S311 - spreads load
            try:
                await self.register()
            except SchemaMismatch:
                raise
            except StoreError as error:
                log.debug("not registered yet", reason=str(error))
        while True:
            await asyncio.sleep(FOLLOW_CLOCK_S)
            try:
                await self.follow_clock()
            except StoreError as error:
                log.debug("database's clock not heard", reason=str(error))

    async def run_cycle(
        self, probe: Probe, look: Callable[[datetime], Awaitable[Sample]], slot_at: datetime
    ) -> None:
        """One cycle of one host. Raises StoreError if the spool could not take the sample."""
        judged = await run_cycle(
            probe,
            look,
            slot_at,
            gps_interval_s=self.settings.gps_interval_s,
            lease_epoch=self.epochs.get(probe.host.name, 0),
            spool=self.spool,
        )
        self.status_log.note(judged)


def run_monitor(settings: Settings) -> None:
    """The checker, until SIGTERM or SIGINT; leaves within 5 s of it.

    Raises ConfigError, SchemaMismatch, StoreError where it can't start.
    """
    with database(settings) as url:
        _run(_monitor(settings, url))


def run_monitor_once(settings: Settings) -> None:
    """One round over all hosts, stored when this returns.

    Raises ConfigError without a host, StoreError if the round is in the spool only.
    """
    if not hosts_to_watch(settings):
        raise ConfigError(how_to_add_a_host())
    with database(settings) as url:
        _run(_monitor_once(settings, url))


def run_maintenance_once(settings: Settings) -> list[PartitionOutcome]:
    """Makes and drops partitions now. Raises StoreError."""

    async def maintain(url: str) -> list[PartitionOutcome]:
        pool = await open_checker_pool(url)
        try:
            return await maintain_once(
                pool, retention_days=settings.retention_days, premake_days=settings.premake_days
            )
        finally:
            await pool.close()

    with database(settings) as url:
        return asyncio.run(maintain(url))


def _run(service: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(service)
    except* NtpCheckerError as group:
        # Each is a reason to end on its own; the first came first.
        raise _first(group) from None


def _first(group: BaseExceptionGroup[NtpCheckerError]) -> NtpCheckerError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def _monitor(settings: Settings, url: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _open_checker(settings, url) as checker:
        await _register_if_reached(checker)
        if not checker.hosts:
            log.warning(how_to_add_a_host())
        log.info("watching", hosts=len(checker.hosts), interval_s=settings.interval_s)
        stop_writing = asyncio.Event()
        async with asyncio.TaskGroup() as writing:
            writing.create_task(checker.writer.run(stop_writing))
            try:
                await _watch(checker, stop)
            finally:
                stop_writing.set()


async def _register_if_reached(checker: Checker) -> None:
    try:
        await checker.register()
    except SchemaMismatch:
        raise
    except StoreError as error:
        log.warning("database not reached, samples stay in the spool", reason=str(error))


async def _watch(checker: Checker, stop: asyncio.Event) -> None:
    """Looks at every host at its slots, until `stop`."""
    settings = checker.settings
    probes = _make_probes(checker)
    maintenance = run_maintenance(
        checker.pool,
        stop,
        retention_days=settings.retention_days,
        premake_days=settings.premake_days,
    )
    async with asyncio.TaskGroup() as watching:
        tasks = [
            watching.create_task(checker.stay_registered()),
            watching.create_task(maintenance),
        ]
        for probe in probes:
            slots = Slots(probe.host.name, settings.interval_s)
            cycle = partial(checker.run_cycle, probe, probe.look)
            tasks.append(watching.create_task(run_slots(slots, checker.clock, cycle)))
            tasks.append(watching.create_task(probe.watch_gps(settings.gps_interval_s)))
        await stop.wait()
        log.info("stopping")
        for task in tasks:
            task.cancel()
    await asyncio.gather(*(probe.close() for probe in probes))


async def _monitor_once(settings: Settings, url: str) -> None:
    async with _open_checker(settings, url) as checker:
        await checker.register()
        probes = _make_probes(checker)
        async with asyncio.TaskGroup() as looking:
            for probe in probes:
                slot_at = Slots(probe.host.name, settings.interval_s).current(checker.clock.now())
                looking.create_task(checker.run_cycle(probe, probe.look_once, slot_at))
        await asyncio.gather(*(probe.close() for probe in probes))
        while checker.spool.depth:
            await checker.writer.write_once()


def _make_probes(checker: Checker) -> list[Probe]:
    settings = checker.settings
    credentials = credentials_for(checker.hosts, settings)
    return [
        Probe(
            host,
            make_shell(host, credentials),
            interval_s=settings.interval_s,
            deadline_s=settings.look_deadline_s,
            now=checker.clock.now,
        )
        for host in checker.hosts
    ]


@asynccontextmanager
async def _open_checker(settings: Settings, url: str) -> AsyncIterator[Checker]:
    """A checker with its spool and connections; nothing of it runs yet."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    spool = Spool(settings.data_dir / "spool.sqlite")
    try:
        pool = await open_checker_pool(url)
        try:
            yield Checker(
                settings=settings,
                url=url,
                hosts=hosts_to_watch(settings),
                spool=spool,
                pool=pool,
                writer=Writer(spool, pool),
            )
        finally:
            await pool.close()
    finally:
        await spool.close()
