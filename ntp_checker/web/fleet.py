"""The fleet as the overview shows it: states, order, filters and the one sentence. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ntp_checker.model import Status
from ntp_checker.web.format import format_seconds

#: a host's last sample is stale when it is older than this many of the host's intervals
STALE_INTERVALS = 3


class State(StrEnum):
    """What a host is shown as: its status, or stale when that status is too old to be believed."""

    CRITICAL = "critical"
    STALE = "stale"
    UNKNOWN = "unknown"
    WARNING = "warning"
    OK = "ok"


#: worst first; the order of declaration
_STATE_ORDER = {state: order for order, state in enumerate(State)}
#: as the tiles stand on the page
TILE_ORDER = (State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN, State.STALE)


class SortKey(StrEnum):
    """Columns the table can be sorted by; WORST is state, then error bound."""

    WORST = "worst"
    HOST = "host"
    OFFSET = "offset"
    BOUND = "bound"
    STRATUM = "stratum"
    AGE = "age"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """One host's row; every text in it came from the host and is escaped where it is printed."""

    name: str
    state: State
    status: Status  #: of the last sample, also when that is stale
    age_s: float | None  #: since the last sample's slot, by the database's clock; None = never
    offset_s: float | None  #: None while the clock is not set: its zeros are no measurement
    error_bound_s: float | None
    stratum: int | None
    source: str | None  #: address of the selected source
    reach: int | None  #: of the selected source, 0-255
    gps: Mapping[str, Any] | None  #: the sample's `gps`, without satellites
    gps_failed: bool  #: the GPS part was asked for and could not be had
    problems: Sequence[Mapping[str, Any]]
    failures: Sequence[Mapping[str, Any]]

    @property
    def reason(self) -> str:
        """The first problem in words; for a failed look what failed; empty when all is well."""
        if self.age_s is None:
            return "no look yet"
        if self.problems:
            return str(self.problems[0].get("text") or self.problems[0].get("code") or "")
        # A host that is well may lack a part that is not asked of it: GPS, mostly.
        if self.failures and self.status is not Status.OK:
            failure = self.failures[0]
            return f"{failure.get('part')}: {failure.get('detail') or failure.get('kind')}"
        return ""

    @property
    def more_problems(self) -> int:
        """How many problems there are beside the first."""
        return max(0, len(self.problems) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """The fleet in one sentence, in parts: the first is what a person must know."""

    verdict: str
    bound: str  #: the worst error bound and whose it is; empty if none is known
    age_s: float | None  #: of the newest sample; None when there is none


def is_stale(age_s: float | None, interval_s: float) -> bool:
    """True when the last sample is too old to be believed, or there is none."""
    return age_s is None or age_s > STALE_INTERVALS * interval_s


def shown_state(status: Status, age_s: float | None, interval_s: float) -> State:
    """The state to show: a stale sample's status is never shown as current.

    A host nobody has looked at yet is unknown.
    """
    if age_s is None:
        return State.UNKNOWN
    return State.STALE if is_stale(age_s, interval_s) else State(status.value)


def count_states(hosts: Sequence[HostView]) -> dict[State, int]:
    """How many hosts are in each state, in the order of the tiles."""
    counts = dict.fromkeys(TILE_ORDER, 0)
    for host in hosts:
        counts[host.state] += 1
    return counts


def select_hosts(
    hosts: Sequence[HostView], *, state: State | None, query: str, sort: SortKey
) -> list[HostView]:
    """The hosts that the filters leave, sorted; ties and missing values fall to the name."""
    wanted = query.casefold()
    chosen = [
        host
        for host in hosts
        if (state is None or host.state is state) and (not wanted or wanted in _searched(host))
    ]
    chosen.sort(key=lambda host: host.name.casefold())
    chosen.sort(key=lambda host: _sort_value(host, sort))
    return chosen


def describe_fleet(hosts: Sequence[HostView]) -> Sentence:
    """One sentence about all hosts, filtered or not. Needs at least one host."""
    total = len(hosts)
    troubled = sum(host.state is not State.OK for host in hosts)
    noun = "host" if total == 1 else "hosts"
    if troubled:
        verb = "needs" if troubled == 1 else "need"
        verdict = f"{troubled} of {total} {noun} {verb} attention"
    else:
        verdict = "The one host is well" if total == 1 else f"All {total} hosts are well"
    return Sentence(verdict=verdict, bound=_worst_bound(hosts), age_s=newest_age_s(hosts))


def newest_age_s(hosts: Sequence[HostView]) -> float | None:
    """Age of the newest sample of the fleet; None when there is none."""
    return min((host.age_s for host in hosts if host.age_s is not None), default=None)


def all_stale(hosts: Sequence[HostView]) -> bool:
    """True when no host at all has a sample that can be believed: the checker itself is away."""
    return bool(hosts) and all(host.age_s is None or host.state is State.STALE for host in hosts)


def _worst_bound(hosts: Sequence[HostView]) -> str:
    known = [h for h in hosts if h.error_bound_s is not None and h.state is not State.STALE]
    if not known:
        return ""
    worst = max(known, key=lambda host: host.error_bound_s or 0.0)
    return f"worst error bound {format_seconds(worst.error_bound_s)} ({worst.name})"


def _searched(host: HostView) -> str:
    return "\n".join((host.name, host.source or "", host.reason)).casefold()


def _sort_value(host: HostView, sort: SortKey) -> tuple[float, float]:
    """What to sort by, ascending; a missing value comes last."""
    match sort:
        case SortKey.HOST:
            return (0.0, 0.0)
        case SortKey.OFFSET:
            return _descending(None if host.offset_s is None else abs(host.offset_s))
        case SortKey.BOUND:
            return _descending(host.error_bound_s)
        case SortKey.STRATUM:
            return _descending(host.stratum)
        case SortKey.AGE:
            return _descending(float("inf") if host.age_s is None else host.age_s)
        case SortKey.WORST:
            return (float(_STATE_ORDER[host.state]), _descending(host.error_bound_s)[1])


def _descending(value: float | None) -> tuple[float, float]:
    return (1.0, 0.0) if value is None else (0.0, -value)
