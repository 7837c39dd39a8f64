"""What the rules make of a Sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ntp_checker.model.sample import Sample
from ntp_checker.model.words import ProblemCode, Severity, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One rule's finding on one sample; a rule without data makes none."""

    code: ProblemCode
    subject: str = ""  #: source address, part or device; "" for the host itself
    value: float | None = None  #: what was found, in `unit`
    limit: float | None = None  #: what it was held against, in `unit`
    unit: str = ""  #: "s", "ppm", or "" for counts
    severity: Severity | None = None  #: None = good
    status: Status = Status.OK  #: what it makes of the host
    text: str = ""  #: one sentence for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All judgements on one sample, good ones too."""

    status: Status
    error_bound_s: float | None  #: abs(offset) + root dispersion + root delay / 2; None if unknown
    judgements: tuple[Judgement, ...]

    @property
    def problems(self) -> tuple[Judgement, ...]:
        """The judgements that found something, worst first."""
        return tuple(sorted((j for j in self.judgements if j.severity), key=_badness, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawText:
    """What a host's programs printed, for people to read; no control characters, no position."""

    taken_at: datetime
    chrony_text: str | None  #: None if there was no answer
    gps_text: str | None  #: newest read of the GPS channel; None without one


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one look saw, kept because the host's state changed with it or right after it."""

    slot_at: datetime
    taken_at: datetime
    raw: RawText | None  #: None if the host printed nothing
    login_text: str | None = None  #: why there was no login; None if there was one


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSample:
    """A sample with what the rules made of it: what is spooled, stored and shown."""

    sample: Sample
    verdict: Verdict
    raw: RawText | None = None  #: with some samples only: it is stored once a minute
    evidence: tuple[Evidence, ...] = ()  #: with a change of state: the look before it, and this one


_SEVERITY_ORDER = {None: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


#: critical > unknown > warning > ok, for one host's problems and for a list of hosts alike
_STATUS_ORDER = {Status.OK: 0, Status.WARNING: 1, Status.UNKNOWN: 2, Status.CRITICAL: 3}


def _badness(judgement: Judgement) -> tuple[int, int]:
    return _SEVERITY_ORDER[judgement.severity], _STATUS_ORDER[judgement.status]


def worst_status(statuses: Sequence[Status]) -> Status:
    """The worst of these: critical > unknown > warning > ok. OK for none."""
    return max(statuses, key=_STATUS_ORDER.__getitem__, default=Status.OK)
