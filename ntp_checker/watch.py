"""The hosts that are looked at just now: started, changed and ended while the others go on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from ntp_checker.check import credentials_for, make_shell
from ntp_checker.collect.probe import Probe
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.config import Settings
from ntp_checker.model import Host, Sample
from ntp_checker.schedule import Clock, Slots, run_slots

#: A new key is noticed within this time, also where nobody logs in just now.
KEY_POLL_S = 5.0

RunCycle = Callable[[Probe, Callable[[datetime], Awaitable[Sample]], datetime], Awaitable[None]]


def make_probe(
    host: Host, settings: Settings, credentials: SshCredentials | None, clock: Clock
) -> Probe:
    """The probe of one host; nothing of it runs yet."""
    return Probe(
        host,
        make_shell(host, credentials),
        interval_s=settings.interval_s,
        deadline_s=settings.look_deadline_s,
        now=clock.now,
        keeps_position=settings.store_position,
    )


class HostWatch:
    """One host, looked at at its slots until it is ended."""

    def __init__(self, probe: Probe, settings: Settings, clock: Clock, run_cycle: RunCycle) -> None:
        self._probe = probe
        self._slots = Slots(probe.host.name, settings.interval_s)
        self._gps_interval_s = settings.gps_interval_s
        self._clock = clock
        self._run_cycle = run_cycle
        #: Held by a look: a host's probe changes between looks only, so that none is lost.
        self._looking = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def host(self) -> Host:
        """As it is in force."""
        return self._probe.host

    def start(self, group: asyncio.TaskGroup) -> None:
        """Looks from the next slot on."""
        slots = run_slots(self._slots, self._clock, self._look)
        self._tasks = [
            group.create_task(slots),
            group.create_task(self._probe.watch_gps(self._gps_interval_s)),
        ]

    def judge_by(self, host: Host) -> None:
        """Other limits, role or group of the same host, from the next look on."""
        self._probe.host = host

    async def change_probe(self, probe: Probe, group: asyncio.TaskGroup) -> None:
        """Another way onto the same host, from the next slot on; the old session is closed."""
        async with self._looking:
            old, self._probe = self._probe, probe
            self._tasks[1].cancel()
            self._tasks[1] = group.create_task(probe.watch_gps(self._gps_interval_s))
        await old.close()

    async def end(self) -> None:
        """The same as `finish`, and closes the session."""
        await self.finish()
        await self.close()

    async def finish(self) -> None:
        """Lets a look that is under way finish, then looks no more."""
        async with self._looking:
            self.cancel()

    def cancel(self) -> None:
        """Ends the looking at once."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Closes the session."""
        await self._probe.close()

    async def _look(self, slot_at: datetime) -> None:
        async with self._looking:
            await self._run_cycle(self._probe, self._probe.look, slot_at)


class Watch:
    """All hosts that are watched."""

    def __init__(self, clock: Clock, run_cycle: RunCycle, group: asyncio.TaskGroup) -> None:
        self._clock = clock
        self._run_cycle = run_cycle
        self._group = group
        self._settings: Settings | None = None
        self._credentials: SshCredentials | None = None
        self._hosts: dict[str, HostWatch] = {}

    async def follow(
        self,
        settings: Settings,
        hosts: Sequence[Host],
        on_accepted: Callable[[], None] = lambda: None,
    ) -> None:
        """Afterwards these hosts are watched by these settings, and no others.

        `on_accepted` is called before the first of their looks.

        A host that stays misses no slot, whatever else of it changed, unless the interval did:
        then its slots are others from now on. Raises ConfigError with nothing changed.
        """
        credentials = self._credentials_for(hosts, settings)
        on_accepted()
        before, self._settings = self._settings, settings
        has_new_rhythm = before is None or before.interval_s != settings.interval_s
        has_new_way = credentials is not self._credentials or (
            before is not None and before.look_deadline_s != settings.look_deadline_s
        )
        self._credentials = credentials
        names = {host.name for host in hosts}
        leaving = [self._hosts.pop(name) for name in list(self._hosts) if name not in names]
        work = [watch.end() for watch in leaving]
        for host in hosts:
            watch = self._hosts.get(host.name)
            if watch is None:
                self._start(host, settings)
            elif has_new_rhythm:
                work.append(watch.end())
                self._start(host, settings)
            elif has_new_way or _way(watch.host) != _way(host):
                probe = make_probe(host, settings, credentials, self._clock)
                work.append(watch.change_probe(probe, self._group))
            else:
                watch.judge_by(host)
        await asyncio.gather(*work)

    async def follow_key(self) -> None:
        """Says it soon when the key's file has another one, or none that is good. Never ends."""
        while True:
            await asyncio.sleep(KEY_POLL_S)
            if self._credentials is not None:
                self._credentials.keys()

    async def finish(self, limit_s: float) -> None:
        """Ends all looking; looks under way may take `limit_s` seconds yet."""
        ending = [asyncio.create_task(watch.finish()) for watch in self._hosts.values()]
        if ending:
            _, late = await asyncio.wait(ending, timeout=limit_s)
            for task in late:
                task.cancel()
        for watch in self._hosts.values():
            watch.cancel()

    async def close(self) -> None:
        """Closes all sessions."""
        await asyncio.gather(*(watch.close() for watch in self._hosts.values()))

    def _credentials_for(self, hosts: Sequence[Host], settings: Settings) -> SshCredentials | None:
        """Those in force, which follow their files, unless others are wanted."""
        present = self._credentials
        wanted = settings.ssh_key_path, settings.ssh_known_hosts_path
        if present is not None and (present.key_path, present.known_hosts_path) == wanted:
            return present
        return credentials_for(hosts, settings)

    def _start(self, host: Host, settings: Settings) -> None:
        probe = make_probe(host, settings, self._credentials, self._clock)
        watch = HostWatch(probe, settings, self._clock, self._run_cycle)
        watch.start(self._group)
        self._hosts[host.name] = watch


def _way(host: Host) -> tuple[object, ...]:
    """What a probe is made for; it can't be changed under it."""
    return (host.address, host.port, host.user, host.has_gps)
