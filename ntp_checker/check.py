"""`ntp-checker check`: one look at each target, judged; no database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ntp_checker.collect.local import LocalShell
from ntp_checker.collect.probe import Probe
from ntp_checker.collect.shell import Shell
from ntp_checker.collect.ssh import SshShell
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.config import Settings
from ntp_checker.model import Host, JudgedSample
from ntp_checker.rules.verdict import judge

#: Looks at once; more would meet sshd's MaxStartups where many targets share a jump address.
MAX_CONCURRENT_LOOKS = 50


def make_shell(host: Host, credentials: SshCredentials | None) -> Shell:
    """The way onto a host. `credentials` may be None only where no host needs SSH."""
    if host.is_local or credentials is None:
        return LocalShell()
    return SshShell(host, credentials)


def credentials_for(hosts: Sequence[Host], settings: Settings) -> SshCredentials | None:
    """The SSH key, if any of the hosts needs one. Raises ConfigError."""
    if all(host.is_local for host in hosts):
        return None
    return SshCredentials(settings.ssh_key_path, settings.ssh_known_hosts_path)


async def check_hosts(hosts: Sequence[Host], settings: Settings) -> list[JudgedSample]:
    """One judged look at each host, in their order. Raises ConfigError."""
    credentials = credentials_for(hosts, settings)
    slots = asyncio.Semaphore(MAX_CONCURRENT_LOOKS)

    async def check(host: Host) -> JudgedSample:
        async with slots:
            return await _check_host(host, credentials, settings)

    return await asyncio.gather(*map(check, hosts))


async def _check_host(
    host: Host, credentials: SshCredentials | None, settings: Settings
) -> JudgedSample:
    probe = Probe(
        host,
        make_shell(host, credentials),
        interval_s=settings.interval_s,
        deadline_s=settings.look_deadline_s,
        now=_now,
    )
    try:
        sample = await probe.look_once(_now())
    finally:
        await probe.close()
    # Nobody asked for a slot here: the look is the slot.
    sample = replace(sample, slot_at=sample.taken_at or sample.slot_at)
    gps_interval_s = settings.gps_interval_s if probe.expects_gps else None
    verdict = judge(sample, host.limits, gps_interval_s)
    return JudgedSample(sample=sample, verdict=verdict)


def _now() -> datetime:
    return datetime.now(UTC)
