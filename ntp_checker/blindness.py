"""Whether it is the checker that sees nothing: many hosts that fall silent together. Pure.

Fed with every look, in the order in which looks end; the time is that of their slots. When a
network is lost, each host's first bad look lies within one interval, so blindness is known before
any host's third one opens an alert.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ntp_checker.model import FailureKind, Judgement, ProblemCode, Sample, Severity, Status

#: With fewer hosts each counts for itself: nothing of them is held back.
HOSTS_MIN = 5
#: This part of the hosts that answered lately fell silent together.
SILENT_RATIO = 0.9
#: "Lately", and "together", in intervals.
LATELY_INTERVALS = 10
TOGETHER_INTERVALS = 2
#: Alerts on single hosts wait no longer than this.
HELD = timedelta(minutes=15)

#: By these a host has said something, if not what was asked.
_ANSWERS = frozenset(
    {
        FailureKind.HOST_KEY,
        FailureKind.CHRONYD_DOWN,
        FailureKind.MALFORMED,
        FailureKind.TOO_LARGE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a checker sees of its fleet."""

    observer: str = ""  #: the checker
    #: slot at which the first of the hosts fell silent; None: not blind. Until all that answer
    #: again had the time to close their alerts, it stays.
    since_at: datetime | None = None
    returned_at: datetime | None = None  #: slot at which enough of them answered again
    hosts: int = 0  #: that answer, or did lately
    silent_hosts: int = 0  #: of these
    is_small_fleet_gone: bool = False  #: 2 to 4 hosts, and all of them fell silent together

    @property
    def held_until_at(self) -> datetime | None:
        """Until when alerts on single hosts wait; None if they do not."""
        return None if self.since_at is None else self.since_at + HELD


class Blindness:
    """Counts who answers; each look costs the same, however many hosts there are.

    `settle_looks` after its return sight is steady: by then a host that answers is judged good.
    """

    def __init__(self, observer: str, *, interval_s: float, settle_looks: int = 3) -> None:
        self._observer = observer
        self.interval_s = interval_s
        self.settle_looks = settle_looks
        self._now_at = datetime.min.replace(tzinfo=UTC)
        self._answering: set[str] = set()
        #: First unanswered slot of hosts that answered before it, in the order they fell silent.
        self._silent: dict[str, datetime] = {}
        self._just_silent: dict[str, datetime] = {}  #: those of the last intervals
        self._since_at: datetime | None = None
        #: Slot of the first look, or of the return of sight; None while blind, or steady.
        self._settles_from_at: datetime | None = None
        self._has_begun = False

    @property
    def sight(self) -> Sight:
        """As of the last look."""
        return Sight(
            observer=self._observer,
            since_at=self._since_at,
            returned_at=None if self._since_at is None else self._settles_from_at,
            hosts=len(self._answering) + len(self._silent),
            silent_hosts=len(self._silent),
            is_small_fleet_gone=self._is_small_fleet_gone(),
        )

    def note(self, host: str, slot_at: datetime, *, is_answered: bool) -> bool:
        """Takes a look into account; True if with it sight became steady: what waited may go.

        That is also said once after the first looks of a run, which knows nothing of the last.
        """
        self._now_at = max(self._now_at, slot_at)
        if not self._has_begun:
            self._has_begun, self._settles_from_at = True, slot_at
        if is_answered:
            self._answering.add(host)
            self._silent.pop(host, None)
            self._just_silent.pop(host, None)
        elif host in self._answering:
            self._answering.discard(host)
            self._silent[host] = self._just_silent[host] = slot_at
        self._forget_what_was_long_ago()
        return self._judge()

    def forget(self, host: str) -> None:
        """Leaves out a host that is no longer watched."""
        self._answering.discard(host)
        self._silent.pop(host, None)
        self._just_silent.pop(host, None)

    def _judge(self) -> bool:
        hosts = len(self._answering) + len(self._silent)
        if self._since_at is None:
            if hosts >= HOSTS_MIN and len(self._just_silent) >= SILENT_RATIO * hosts:
                self._since_at = min(self._just_silent.values())
                self._settles_from_at = None
                return False
        elif hosts >= HOSTS_MIN and len(self._silent) >= SILENT_RATIO * hosts:
            self._settles_from_at = None
        elif self._settles_from_at is None:
            self._settles_from_at = self._now_at
        return self._becomes_steady()

    def _becomes_steady(self) -> bool:
        """Once, when sight was there for long enough."""
        if self._settles_from_at is None or not self._answering:
            return False
        if self._now_at < self._settles_from_at + self._intervals(self.settle_looks):
            return False
        self._since_at = self._settles_from_at = None
        return True

    def _forget_what_was_long_ago(self) -> None:
        _drop_while(
            self._just_silent, lambda at: at <= self._now_at - self._intervals(TOGETHER_INTERVALS)
        )
        if self._since_at is None:  # while blind, who was lost is who is waited for
            _drop_while(
                self._silent, lambda at: at <= self._now_at - self._intervals(LATELY_INTERVALS)
            )

    def _is_small_fleet_gone(self) -> bool:
        if self._answering or not 2 <= len(self._silent) < HOSTS_MIN:
            return False
        fell_at = self._silent.values()
        return max(fell_at) - min(fell_at) < self._intervals(TOGETHER_INTERVALS)

    def _intervals(self, number: int) -> timedelta:
        return timedelta(seconds=number * self.interval_s)


def has_answered(sample: Sample) -> bool:
    """False if nothing at all was seen of the host: not reached, key refused, no answer in time."""
    if sample.tracking is not None or sample.sources is not None:
        return True
    return any(failure.kind in _ANSWERS for failure in sample.failures)


def judge_sight(sight: Sight) -> Judgement:
    """What the checker says of its own sight."""
    since_at, until_at = sight.since_at, sight.held_until_at
    if since_at is None or until_at is None or sight.returned_at is not None:
        return Judgement(
            code=ProblemCode.CHECKER_BLIND,
            subject=sight.observer,
            text=f"{sight.hosts - sight.silent_hosts} of {sight.hosts} hosts answer",
        )
    return Judgement(
        code=ProblemCode.CHECKER_BLIND,
        subject=sight.observer,
        severity=Severity.CRITICAL,
        status=Status.CRITICAL,
        text=(
            f"I can't see: {sight.silent_hosts} of {sight.hosts} hosts fell silent together, the "
            f"first at {since_at.astimezone(UTC):%H:%M:%S} UTC; alerts on single hosts wait until "
            f"{until_at.astimezone(UTC):%H:%M:%S} UTC"
        ),
    )


def _drop_while(by_time: dict[str, datetime], is_over: Callable[[datetime], bool]) -> None:
    """Drops from the front of what was put in in about the order of time."""
    while by_time:
        host = next(iter(by_time))
        if not is_over(by_time[host]):
            return
        del by_time[host]
