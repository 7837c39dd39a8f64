"""A host whose looks are given one by one, and what its alerts make of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ntp_checker.alerting import Advance, advance, settle
from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertPolicy,
    FailureKind,
    Host,
    JudgedSample,
    Judgement,
    ProblemCode,
    Sample,
    Severity,
    Status,
    Transition,
    TransitionKind,
    Verdict,
)
from ntp_checker.rules.judgements import judge_at_least, judge_quantity, judge_state
from ntp_checker.rules.wording import say_seconds
from tests.made_samples import NOW, SAMPLE

INTERVAL = timedelta(seconds=30)
OFFSET = AlertKey(host="ntp1", code=ProblemCode.OFFSET_HIGH)
GOOD_S, BETWEEN_S, WARNING_S, CRITICAL_S = 0.001, 0.009, 0.020, 0.060


def offset(size_s: float) -> Judgement:
    """What the rules say of this offset: a warning above 10 ms, critical above 50 ms."""
    return judge_quantity(
        ProblemCode.OFFSET_HIGH,
        size_s,
        warning=0.010,
        critical=0.050,
        unit="s",
        say=lambda limit: f"clock is {say_seconds(size_s)} ahead, limit {say_seconds(limit)}",
    )


def state(code: ProblemCode, severity: Severity | None, subject: str = "") -> Judgement:
    """A state that is bad where it has a severity."""
    return judge_state(code, severity, "bad" if severity else "good", subject)


def count(code: ProblemCode, found: int, wanted: int, subject: str = "") -> Judgement:
    """A count that is a warning below `wanted`."""
    return judge_at_least(
        code, found, wanted, Severity.WARNING, f"{found} of {wanted}", subject=subject
    )


def judged(at: datetime, *judgements: Judgement, sample: Sample = SAMPLE) -> JudgedSample:
    """A look of this slot that found this."""
    verdict = Verdict(status=Status.OK, error_bound_s=None, judgements=judgements)
    return JudgedSample(sample=replace(sample, slot_at=at), verdict=verdict)


@dataclass
class WatchedHost:
    """Slot after slot, each an interval after the one before; remembers what was told."""

    policy: AlertPolicy = field(default_factory=AlertPolicy)
    live: dict[AlertKey, Alert] = field(default_factory=dict)
    recent: dict[AlertKey, Alert] = field(default_factory=dict)
    at: datetime = NOW
    transitions: list[Transition] = field(default_factory=list)
    settings: Host | None = None  #: as of now; None: nothing is switched off

    def look(
        self, *judgements: Judgement, sample: Sample = SAMPLE, after: timedelta = INTERVAL
    ) -> Advance:
        return self.take(judged(self.at + after, *judgements, sample=sample))

    def miss(self, *, after: timedelta = INTERVAL) -> Advance:
        return self.take(empty_slot("ntp1", self.at + after, FailureKind.MISSED, "not looked at"))

    def take(self, sample: JudgedSample) -> Advance:
        made = advance(self.live, self.recent, sample, self.policy, self.settings)
        settle(self.live, self.recent, made)
        self.at = max(self.at, sample.sample.slot_at)
        self.transitions += made.transitions
        return made

    def offsets(self, *sizes_s: float) -> "WatchedHost":
        for size_s in sizes_s:
            self.look(offset(size_s))
        return self

    def opened(self, size_s: float = WARNING_S) -> "WatchedHost":
        """Looks until the offset alert is open."""
        return self.offsets(*[size_s] * self.policy.bad_looks)

    @property
    def told(self) -> Sequence[TransitionKind]:
        return [t.kind for t in self.transitions if not t.is_quiet]

    @property
    def alert(self) -> Alert:
        """The offset alert that is pending or open."""
        return self.live[OFFSET]
