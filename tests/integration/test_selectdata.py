"""An account with the command socket is told why no source is selected; an ordinary one is not."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from ntp_checker.collect.probe import Probe
from ntp_checker.collect.ssh import SshShell
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.model import Sample, Selection
from ntp_checker.targets import parse_target
from tests.rig import ChronyAccess, ChronyState, Rig, RigHost

StartHost = Callable[..., RigHost]


def _now() -> datetime:
    return datetime.now(UTC)


def _looks(rig: Rig, host: RigHost, count: int) -> list[Sample]:
    async def look() -> list[Sample]:
        target = parse_target(host.target)
        credentials = SshCredentials(rig.ssh_key_path, rig.known_hosts_path)
        probe = Probe(
            target, SshShell(target, credentials), interval_s=10.0, deadline_s=8.0, now=_now
        )
        try:
            return [await probe.look(_now()) for _ in range(count)]
        finally:
            await probe.close()

    return asyncio.run(look())


def test_sources_when_never_heard_then_each_look_tells_why(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host(chrony=ChronyState.NEVER_SYNCHRONISED, chrony_access=ChronyAccess.SOCKET)

    for sample in _looks(rig, host, 3):
        assert sample.failures == ()
        assert sample.sources
        assert {source.selection for source in sample.sources} == {Selection.FEW_SAMPLES}


def test_sources_when_the_account_may_not_ask_then_no_reason_and_no_failure(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(chrony_access=ChronyAccess.COMMAND_PORT)

    for sample in _looks(rig, host, 2):
        assert sample.failures == ()
        assert sample.sources
        assert {source.selection for source in sample.sources} == {None}
