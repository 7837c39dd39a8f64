"""What the parts of one running checker share, and what it tells the database of itself."""

import asyncio
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from ntp_checker.addresses import AddressBook
from ntp_checker.advances import Alerting, end_alerts_of_left, end_hold
from ntp_checker.blindness import Blindness, has_answered
from ntp_checker.collect.probe import Probe
from ntp_checker.config import Settings
from ntp_checker.cycle import RawKeeper, StatusLog, run_cycle
from ntp_checker.errors import SchemaMismatch, StoreError
from ntp_checker.gaps import SlotLog, fill_since_last_run, spool_missed
from ntp_checker.metrics import CheckerMetrics, Health, LiveNumbers
from ntp_checker.model import HasGps, Host, Sample
from ntp_checker.outbox import Outbox
from ntp_checker.schedule import Clock
from ntp_checker.sightings import Sightings
from ntp_checker.store.clock import read_clock
from ntp_checker.store.conninfo import AnyUrl
from ntp_checker.store.hosts import FLEET_ID, hosts_with_gps, note_configs, note_gps, sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.notifications import Claimed
from ntp_checker.store.pool import CheckerPool, store_errors
from ntp_checker.store.schema_check import check_schema
from ntp_checker.store.spool import Spool
from ntp_checker.targets import LOCAL
from ntp_checker.telling import Telling, alerting_of
from ntp_checker.writer import Writer

log = structlog.get_logger()

REGISTER_RETRY_S = (1.0, 5.0)
#: A frozen database does not answer at all. 10,000 hosts are made known in a few seconds.
REGISTER_TIMEOUT_S = 30.0
#: Our monotonic clock drifts by some 10 ppm against the database's: 0.6 ms in this time.
FOLLOW_CLOCK_S = 60.0


def hosts_to_watch(settings: Settings) -> tuple[Host, ...]:
    """The configured hosts; without any, this machine if chronyd's client is here."""
    if settings.hosts:
        return settings.hosts
    return (settings.find_host(LOCAL),) if shutil.which("chronyc") else ()


@dataclass(slots=True)
class Checker:
    """One running checker."""

    settings: Settings
    url: AnyUrl
    hosts: tuple[Host, ...]
    spool: Spool
    pool: CheckerPool
    writer: Writer
    telling: Telling
    metrics: CheckerMetrics
    health: Health
    clock: Clock
    #: Lease epoch by host name, before the database was reached that of the last run. Of a host
    #: that is new it is 0: such rows are stored, and leave what is true now to who holds the lease.
    epochs: dict[str, int] = field(init=False)
    status_log: StatusLog = field(default_factory=StatusLog)
    slot_log: SlotLog = field(default_factory=SlotLog)
    raw_keeper: RawKeeper = field(default_factory=RawKeeper)
    sightings: Sightings = field(default_factory=Sightings)
    #: Numbers of hosts whose leases we took, by name.
    _leased: dict[str, int] = field(default_factory=dict, init=False)
    #: Numbers of hosts whose slots before this run are still to be looked through, by name.
    _unfilled: dict[str, int] = field(default_factory=dict, init=False)
    #: Hosts that have GPS for good, by their settings or learnt, as the database knows them.
    _gps_known: set[str] = field(default_factory=set, init=False)
    #: Learnt by us, and not in the database yet.
    _gps_learnt: set[str] = field(default_factory=set, init=False)
    #: What is in force of alerts, but for what we see.
    alerting: Alerting = field(init=False)
    #: Whether it is we who see nothing.
    blindness: Blindness = field(init=False)
    addresses: AddressBook = field(default_factory=AddressBook)
    #: What waits for our sight may go.
    _sees_again: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    #: The database was told of our hosts and settings as they are.
    _is_registered: bool = field(default=False, init=False)
    #: There is something to tell the database.
    _has_news: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.epochs = self.spool.epochs
        self.alerting = alerting_of(self.settings, self.hosts)
        self.blindness = Blindness(
            self.spool.owner,
            interval_s=self.settings.interval_s,
            settle_looks=self.alerting.policy.good_looks + 1,
        )
        self.addresses.watch(self.hosts)
        self.metrics.watch(self.hosts)
        self.metrics.read_live(
            LiveNumbers(
                spool_depth=lambda: self.spool.depth,
                spool_age_s=lambda: self.spool.oldest_uncommitted_age_s,
                is_database_reached=lambda: self.health.is_database_reached,
                hosts_leased=lambda: len(self._leased),
            )
        )

    @property
    def outbox(self) -> Outbox[Claimed]:
        """What waits in the database goes out by it."""
        return self.telling.outbox

    @property
    def alerting_now(self) -> Alerting:
        """What is in force of alerts, with what we see just now, and where."""
        return replace(
            self.alerting,
            sight=self.blindness.sight,
            hosts_at=self.addresses.hosts_at,
            on_stored=self.metrics.stepped,
        )

    async def register(self) -> None:
        """Makes our hosts known, takes the leases of new ones, takes over the database's clock.

        Raises StoreError without a database, SchemaMismatch for another schema than ours.
        """
        try:
            async with asyncio.timeout(REGISTER_TIMEOUT_S):
                await self._register()
        except TimeoutError as err:
            raise StoreError(f"no answer within {REGISTER_TIMEOUT_S:g} s") from err

    async def _register(self) -> None:
        await check_schema(self.url)
        hosts, interval_s = self.hosts, self.settings.interval_s
        with store_errors():
            async with self.pool.connection() as connection:
                ids = await sync_hosts(connection, hosts)
                await note_configs(connection, hosts, ids, interval_s=interval_s)
                self._gps_known = await hosts_with_gps(connection, ids)
                new = {name: host_id for name, host_id in ids.items() if name not in self._leased}
                wanted = (FLEET_ID, *new.values())
                taken = await take_all(connection, self.spool.owner, wanted)
                async with connection.transaction():
                    await end_alerts_of_left(connection, self.spool.owner, self.alerting_now)
        await self.follow_clock()
        epochs = {name: taken[host_id] for name, host_id in new.items()}
        self.epochs.update(epochs)
        await self.spool.note_epochs(epochs)
        self._leased.update(new)
        self._unfilled.update(new)
        self._has_news.set()
        self._is_registered = hosts is self.hosts
        self.health.is_started = True

    def change(self, settings: Settings, hosts: tuple[Host, ...]) -> None:
        """Other settings and hosts are in force from now on; stay_registered tells the database."""
        self.settings, self.hosts = settings, hosts
        self.alerting = alerting_of(settings, hosts)
        self.blindness.interval_s = settings.interval_s
        self.blindness.settle_looks = self.alerting.policy.good_looks + 1
        self.addresses.watch(hosts)
        self.metrics.watch(hosts)
        self.health.interval_s = settings.interval_s
        names = {host.name for host in hosts}
        for name in self._leased.keys() - names:  # one that comes back begins anew
            del self._leased[name]
            self._unfilled.pop(name, None)
            self.slot_log.forget(name)
            self.raw_keeper.forget(name)
            self.blindness.forget(name)
            self.sightings.forget(name)
        self._is_registered = False
        self._has_news.set()

    async def follow_clock(self) -> None:
        """Sets our clock by the database's. Raises StoreError."""
        with store_errors():
            async with self.pool.connection() as connection:
                asked_at_s = time.monotonic()
                database_now = await read_clock(connection)
                step_s = self.clock.follow(database_now, asked_at_s)
        self.metrics.clock_followed(step_s)
        log.debug("clock set by the database", step_s=step_s)

    async def stay_registered(self) -> None:
        """Registers as soon as the database is there, tells it what is new, keeps to its clock.

        Never ends. Raises SchemaMismatch.
        """
        while True:
            if self._is_registered:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FOLLOW_CLOCK_S):
                        await self._has_news.wait()
            elif not self._has_news.is_set():
                await asyncio.sleep(random.uniform(*REGISTER_RETRY_S))  # noqa: S311 - spreads load
            self._has_news.clear()
            try:
                await self._tell_database()
            except SchemaMismatch:
                raise
            except StoreError as error:
                log.debug("database not told", reason=str(error))

    async def end_holds(self) -> None:
        """Lets go what waited for our sight, each time that it is steady again. Never ends."""
        while True:
            await self._sees_again.wait()
            if self.blindness.sight.since_at is not None:  # lost again meanwhile
                self._sees_again.clear()
                continue
            try:
                with store_errors():
                    async with self.pool.connection() as connection, connection.transaction():
                        told, suppressed = await end_hold(connection, self.blindness.sight)
            except StoreError as error:
                log.debug("what waits for our sight still waits", reason=str(error))
                await asyncio.sleep(random.uniform(*REGISTER_RETRY_S))  # noqa: S311 - spreads load
                continue
            self._sees_again.clear()
            if told or suppressed:
                log.info("hosts are seen again", told=told, suppressed=suppressed)
                self.outbox.wake()

    async def _tell_database(self) -> None:
        if not self._is_registered:
            await self.register()
        if learnt := frozenset(self._gps_learnt):
            with store_errors():
                async with self.pool.connection() as connection:
                    await note_gps(connection, learnt)
            self._gps_known |= learnt
            self._gps_learnt -= learnt
            log.info("hosts are known to have GPS from now on", hosts=sorted(learnt))
        await self.follow_clock()
        await self._fill_gaps()  # last: it may take minutes

    async def _fill_gaps(self) -> None:
        """Rows for the slots since the last run, up to the first of this one or until now."""
        if not (unfilled := dict(self._unfilled)):
            return
        interval_s, now = self.settings.interval_s, self.clock.now()
        filled = await fill_since_last_run(
            self.pool,
            self.spool,
            unfilled,
            interval_s=interval_s,
            until={name: self.slot_log.first_of(name, interval_s, now) for name in unfilled},
        )
        for name in filled.new_hosts:
            self.slot_log.begin_anew(name)
        for name in unfilled:
            self._unfilled.pop(name, None)

    async def run_cycle(
        self, probe: Probe, look: Callable[[datetime], Awaitable[Sample]], slot_at: datetime
    ) -> None:
        """One cycle of one host. Raises StoreError if the spool could not take the sample."""
        host = probe.host
        if host.has_gps is HasGps.AUTO and host.name in self._gps_known:
            probe.be_sure_of_gps()
        lease_epoch = self.epochs.get(host.name, 0)
        missed = self.slot_log.begin(host.name, self.settings.interval_s, slot_at)
        await spool_missed(self.spool, host.name, missed, lease_epoch)
        self.metrics.missed(len(missed))

        async def noted_look(at: datetime) -> Sample:
            sample = await look(at)
            self._note_sight(sample)
            return sample

        judged = await run_cycle(
            probe,
            noted_look,
            slot_at,
            gps_interval_s=self.settings.gps_interval_s,
            lease_epoch=lease_epoch,
            spool=self.spool,
            raw_keeper=self.raw_keeper,
        )
        self.slot_log.note(host.name, slot_at)
        self.status_log.note(judged)
        self.sightings.note(host, judged, self.clock.wall_offset_s())
        self.metrics.looked(judged)
        self._note_gps(probe)

    def _note_sight(self, sample: Sample) -> None:
        """Before the sample is spooled: the writer never knows less of our sight than it does."""
        is_answered = has_answered(sample)
        if self.blindness.note(sample.host, sample.slot_at, is_answered=is_answered):
            self._sees_again.set()

    def _note_gps(self, probe: Probe) -> None:
        """A host found to have GPS is told to the database, that a restart finds it so."""
        name = probe.host.name
        known = name in self._gps_known or name in self._gps_learnt
        if probe.host.has_gps is HasGps.AUTO and probe.expects_gps and not known:
            self._gps_learnt.add(name)
            self._has_news.set()
