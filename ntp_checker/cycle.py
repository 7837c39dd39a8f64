"""The first half of a sample's way: slot -> look -> verdict -> spool. The second is `writer`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from ntp_checker.collect.probe import Probe
from ntp_checker.model import Evidence, JudgedSample, Part, ProblemCode, RawText, Sample, Status
from ntp_checker.rules.verdict import judge
from ntp_checker.store.spool import Spool

log = structlog.get_logger()

#: What a host printed is kept this often; around a change of its state always.
RAW_EVERY = timedelta(minutes=1)


async def run_cycle(
    probe: Probe,
    look: Callable[[datetime], Awaitable[Sample]],
    slot_at: datetime,
    *,
    gps_interval_s: float,
    lease_epoch: int,
    spool: Spool,
    raw_keeper: "RawKeeper",
) -> JudgedSample:
    """One look at one host, judged and safely on disk when this returns.

    `look` is `probe.look`, or `probe.look_once` for a round that is the only one. Takes as long
    as the look's deadline at most; never waits for the database. Raises StoreError if the spool
    could not take it.
    """
    host = probe.host
    sample = await look(slot_at)
    verdict = judge(sample, host.limits, gps_interval_s if probe.expects_gps else None)
    judged = raw_keeper.added_to(JudgedSample(sample=sample, verdict=verdict), probe.raw_text())
    await spool.append(judged, lease_epoch)
    log.debug("looked", host=host.name, status=verdict.status.value, duration_s=sample.duration_s)
    return judged


@dataclass(slots=True)
class _Kept:
    """What is remembered of one host."""

    state: tuple[Status, frozenset[ProblemCode]]
    evidence: Evidence  #: of its last look
    raw_slot_at: datetime | None  #: when its text was kept last


class RawKeeper:
    """Decides which samples carry what their host printed: one a minute, and around a change.

    A change is another status or another set of problem codes; the first look of a run counts as
    one, for nobody knows what it was before.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, _Kept] = {}

    def added_to(self, judged: JudgedSample, raw: RawText | None) -> JudgedSample:
        """The sample with its text where that is due, and with the last one's at a change."""
        sample, verdict = judged.sample, judged.verdict
        login = sample.failure_of(Part.LOGIN)
        evidence = Evidence(
            slot_at=sample.slot_at,
            taken_at=sample.taken_at or sample.slot_at,
            raw=raw,
            login_text=None if login is None else login.detail,
        )
        state = (verdict.status, frozenset(problem.code for problem in verdict.problems))
        before = self._hosts.get(sample.host)
        has_changed = before is None or before.state != state
        raw_slot_at = None if before is None else before.raw_slot_at
        is_due = raw_slot_at is None or abs(sample.slot_at - raw_slot_at) >= RAW_EVERY
        is_kept = raw is not None and (has_changed or is_due)
        self._hosts[sample.host] = _Kept(
            state, evidence, sample.slot_at if is_kept else raw_slot_at
        )
        if not has_changed:
            return replace(judged, raw=raw) if is_kept else judged
        around = (evidence,) if before is None else (before.evidence, evidence)
        return replace(judged, raw=raw, evidence=around)

    def forget(self, host: str) -> None:
        """Drops what is remembered of a host that is no longer watched."""
        self._hosts.pop(host, None)


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
