"""The first half of a sample's way: slot -> look -> verdict -> spool. The second is `writer`."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from ntp_checker.collect.probe import Probe
from ntp_checker.model import JudgedSample, Sample, Status
from ntp_checker.rules.verdict import judge
from ntp_checker.store.spool import Spool

log = structlog.get_logger()


async def run_cycle(
    probe: Probe,
    look: Callable[[datetime], Awaitable[Sample]],
    slot_at: datetime,
    *,
    gps_interval_s: float,
    lease_epoch: int,
    spool: Spool,
) -> JudgedSample:
    """One look at one host, judged and safely on disk when this returns.

    `look` is `probe.look`, or `probe.look_once` for a round that is the only one. Takes as long as the look's deadline at most; never waits for the database. Raises StoreError
    if the spool could not take it.
    """
    host = probe.host
    sample = await look(slot_at)
    verdict = judge(sample, host.limits, gps_interval_s if probe.expects_gps else None)
    judged = JudgedSample(sample=sample, verdict=verdict)
    await spool.append(judged, lease_epoch)
    log.debug("looked", host=host.name, status=verdict.status.value, duration_s=sample.duration_s)
    return judged


class StatusLog:
    """Says a host's state when it changes: INFO is a change of state."""

    def __init__(self) -> None:
        self._last: dict[str, Status] = {}

    def note(self, judged: JudgedSample) -> None:
        """Logs the state of this sample's host if it is not the one of its last sample."""
        host, verdict = judged.sample.host, judged.verdict
        if self._last.get(host) is verdict.status:
            return
        self._last[host] = verdict.status
        reasons = [problem.text for problem in verdict.problems]
        log.info("host is now", host=host, status=verdict.status.value, reasons=reasons)
