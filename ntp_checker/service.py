"""The checker put together: hosts, probes, spool, writer, and how they start and stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from ntp_checker import __version__
from ntp_checker.advances import Alerting
from ntp_checker.blindness import judge_sight
from ntp_checker.check import credentials_for
from ntp_checker.checker import Checker, hosts_to_watch
from ntp_checker.config import Settings, SettingsFile, variable_of
from ntp_checker.database_urls import database_url
from ntp_checker.embedded import embedded_postgres
from ntp_checker.errors import ConfigError, NtpCheckerError, SchemaMismatch, StoreError
from ntp_checker.exposition import serve_metrics
from ntp_checker.heartbeat import Heartbeat, make_caller
from ntp_checker.maintenance import maintain_once
from ntp_checker.metrics import CheckerMetrics, Health
from ntp_checker.own_watch import OwnWatch
from ntp_checker.reload import follow_settings
from ntp_checker.resources import command_name
from ntp_checker.rollup import run_rollups
from ntp_checker.schedule import Clock, Slots
from ntp_checker.simulated import is_simulated
from ntp_checker.store.conninfo import AnyUrl
from ntp_checker.store.migrate import init_or_check
from ntp_checker.store.partitions import PartitionOutcome
from ntp_checker.store.pool import CLOSE_S, CheckerPool, open_checker_pool
from ntp_checker.store.rollups import TIERS
from ntp_checker.store.spool import Spool
from ntp_checker.telling import make_telling, open_channels
from ntp_checker.watch import Watch, make_probe
from ntp_checker.writer import Writer

__all__ = [
    "Checker",
    "database",
    "how_to_add_a_host",
    "run_maintenance_once",
    "run_monitor",
    "run_monitor_once",
]

log = structlog.get_logger()

#: What a look under way gets when the checker is told to stop: of a host that answers it takes
#: milliseconds, and its slot would else be missed. With the writer's drain it makes under 5 s.
LOOKS_FINISH_S = 1.0


@contextmanager
def database(settings: Settings) -> Iterator[AnyUrl]:
    """The URL of the database; while inside, the embedded server runs where none was given.

    Raises ConfigError, StoreError; SchemaMismatch where a given database has another schema.
    """
    given = database_url(settings)
    if given is not None:
        yield given
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


def run_monitor(settings: Settings, file: SettingsFile) -> None:
    """The checker, until SIGTERM or SIGINT; leaves within 5 s of it.

    While it runs it follows the settings file; SIGHUP makes it look there at once. Raises
    ConfigError, SchemaMismatch, StoreError where it can't start.
    """
    _check_credentials(settings)
    with database(settings) as url:
        _run(_monitor(settings, url, file))


def run_monitor_once(settings: Settings) -> None:
    """One round over all hosts, stored when this returns.

    Raises ConfigError without a host, StoreError if the round is in the spool only.
    """
    if not hosts_to_watch(settings):
        raise ConfigError(how_to_add_a_host())
    _check_credentials(settings)
    with database(settings) as url:
        _run(_monitor_once(settings, url))


def run_maintenance_once(settings: Settings) -> list[PartitionOutcome]:
    """Makes and drops partitions now. Raises StoreError, SchemaMismatch."""

    async def maintain(url: AnyUrl) -> list[PartitionOutcome]:
        pool = await open_checker_pool(url)
        try:
            return await maintain_once(
                pool,
                retention_days=settings.retention_days,
                premake_days=settings.premake_days,
                archive_days=settings.archive_days,
            )
        finally:
            await pool.close()

    with database(settings) as url:
        init_or_check(url, initialise=False)
        return asyncio.run(maintain(url))


def _check_credentials(settings: Settings) -> None:
    """Before anything is started. Raises ConfigError."""
    credentials_for(hosts_to_watch(settings), settings)


def _run(service: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(service)
    except* NtpCheckerError as group:
        # Each is a reason to end on its own; the first came first.
        raise _first(group) from None


def _first(group: BaseExceptionGroup[NtpCheckerError]) -> NtpCheckerError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def _monitor(settings: Settings, url: AnyUrl, file: SettingsFile) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _listen_to_hangup(file, stop)
    async with open_checker(settings, url) as checker, serve_metrics(checker):
        await _register_until(stop, checker)
        if stop.is_set():
            return
        if not checker.hosts:
            log.warning(how_to_add_a_host())
        log.info("watching", hosts=len(checker.hosts), interval_s=settings.interval_s)
        stop_writing = asyncio.Event()
        async with asyncio.TaskGroup() as writing:
            writing.create_task(checker.writer.run(stop_writing))
            writing.create_task(checker.telling.run(stop_writing))
            try:
                await _watch(checker, stop, file)
            finally:
                stop_writing.set()


def _listen_to_hangup(file: SettingsFile, stop: asyncio.Event) -> None:
    """SIGHUP asks for the settings file; but from a terminal that was closed, it means the end."""
    had_terminal = os.isatty(0)

    def on_hangup() -> None:
        if had_terminal and not os.isatty(0):
            stop.set()
        else:
            file.ask()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_hangup)


async def _register_until(stop: asyncio.Event, checker: Checker) -> None:
    """Registers if the database is reached; gives it up when told to stop."""
    async with asyncio.TaskGroup() as group:
        registering = group.create_task(_register_if_reached(checker))
        stopping = group.create_task(stop.wait())
        await asyncio.wait({registering, stopping}, return_when=asyncio.FIRST_COMPLETED)
        registering.cancel()
        stopping.cancel()


async def _register_if_reached(checker: Checker) -> None:
    try:
        await checker.register()
    except SchemaMismatch:
        raise
    except StoreError as error:
        log.warning("database not reached, samples stay in the spool", reason=str(error))


async def _watch(checker: Checker, stop: asyncio.Event, file: SettingsFile) -> None:
    """Looks at every host at its slots, until `stop`."""
    async with asyncio.TaskGroup() as group:
        watch = Watch(checker.clock, checker.run_cycle, group)
        await watch.follow(checker.settings, checker.hosts)
        heartbeat = Heartbeat(lambda: checker.settings.heartbeat_url, make_caller())
        own_watch = OwnWatch(
            checker,
            judge_more=[lambda: (judge_sight(checker.blindness.sight),)],
            on_good=heartbeat.beat,
        )
        tasks = [
            group.create_task(own_watch.run()),
            group.create_task(heartbeat.run()),
            group.create_task(checker.stay_registered()),
            group.create_task(checker.end_holds()),
            group.create_task(checker.addresses.keep_current()),
            group.create_task(watch.follow_key()),
            group.create_task(run_rollups(checker.pool, stop, checker.metrics.rolled_up)),
            group.create_task(follow_settings(checker, watch, file, stop)),
        ]
        await stop.wait()
        log.info("stopping")
        for task in tasks:
            task.cancel()
        await watch.finish(LOOKS_FINISH_S)
    await watch.close()


async def _monitor_once(settings: Settings, url: AnyUrl) -> None:
    async with open_checker(settings, url) as checker:
        await checker.register()
        credentials = credentials_for(checker.hosts, settings)
        probes = [make_probe(host, settings, credentials, checker.clock) for host in checker.hosts]
        async with asyncio.TaskGroup() as looking:
            for probe in probes:
                slot_at = Slots(probe.host.name, settings.interval_s).current(checker.clock.now())
                looking.create_task(checker.run_cycle(probe, probe.look_once, slot_at))
        await asyncio.gather(*(probe.close() for probe in probes))
        while checker.spool.depth:
            await checker.writer.write_once()


@asynccontextmanager
async def open_checker(settings: Settings, url: AnyUrl) -> AsyncIterator[Checker]:
    """A checker with its spool and connections; nothing of it runs yet."""
    if is_simulated(settings.data_dir):
        raise ConfigError(
            f"{variable_of('data_dir')}: {settings.data_dir} holds simulated samples, real ones "
            "are not stored with them: give another place"
        )
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{variable_of('data_dir')}: can't make {settings.data_dir}: {error.strerror}"
        ) from error
    spool = Spool(settings.data_dir / "spool.sqlite", max_bytes=settings.spool_max_bytes)
    try:
        pool = await open_checker_pool(url)
        try:
            yield _make_checker(settings, url, spool, pool)
        finally:
            await pool.close(CLOSE_S)
    finally:
        await spool.close()


def _make_checker(settings: Settings, url: AnyUrl, spool: Spool, pool: CheckerPool) -> Checker:
    """Writer and outbox ask the checker, whose settings may change, for what is in force."""

    def alerting() -> Alerting:
        return checker.alerting_now

    metrics = CheckerMetrics(
        version=__version__,
        channels=[channel.name for channel in settings.channels],
        tiers=[tier.name for tier in TIERS],
    )
    clock = Clock()
    telling = make_telling(
        settings,
        open_channels(settings),
        pool,
        spool,
        alerting=alerting,
        targets=lambda: {host.name: host.target for host in checker.hosts},
        now=clock.now,
        away_s=lambda: checker.settings.database_away_s,
        on_tried=metrics.delivered,
    )
    checker = Checker(
        settings=settings,
        url=url,
        hosts=hosts_to_watch(settings),
        spool=spool,
        pool=pool,
        writer=Writer(
            spool,
            pool,
            alerting=alerting,
            on_news=telling.outbox.wake,
            on_written=metrics.written,
            on_failed=metrics.write_failed,
            stand_in=telling.standby,
        ),
        telling=telling,
        metrics=metrics,
        health=Health(settings.interval_s),
        clock=clock,
    )
    return checker
