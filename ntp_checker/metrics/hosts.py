"""What the last look at each host found, put into families when Prometheus asks.

The way of a look pays for one object; the text is made where nobody waits for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample as Series

from ntp_checker.model import (
    GpsMode,
    Host,
    JudgedSample,
    Leap,
    ProblemCode,
    Severity,
    SourceState,
    Status,
)
from ntp_checker.rules.clock import is_unsynchronised, selected_source

_PREFIX = "ntp_checker_host_"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """One host's last look, as far as it is told. None: unknown, and then there is no series."""

    status: Status
    looked_at_s: float | None  #: when it was looked at, epoch
    seen_at_s: float | None  #: when chronyd was last heard, epoch
    #: Of an unset or free-running clock the zeros mean nothing: these are None then.
    offset_s: float | None = None
    error_bound_s: float | None = None
    freq_ppm: float | None = None
    skew_ppm: float | None = None
    root_delay_s: float | None = None
    root_dispersion_s: float | None = None
    stratum: int | None = None
    leap: Leap | None = None
    sources: Mapping[SourceState, int] | None = None
    reach_ratio: float | None = None
    gps_mode: GpsMode | None = None
    gps_age_s: float | None = None
    satellites_used: int | None = None
    satellites_seen: int | None = None
    hdop: float | None = None
    problems: Mapping[tuple[ProblemCode, Severity], int]


_NUMBERS: tuple[tuple[str, str, Callable[[HostState], float | None]], ...] = tuple(
    (name, text, attrgetter(field))
    for name, field, text in (
        ("offset_seconds", "offset_s", "Offset of the clock, positive = ahead of NTP time."),
        ("error_bound_seconds", "error_bound_s", "How wrong the clock can be at most."),
        ("stratum", "stratum", "Stratum; 0 while not synchronised."),
        ("freq_ppm", "freq_ppm", "Frequency error that is corrected, positive = runs fast."),
        ("skew_ppm", "skew_ppm", "Error bound of the frequency."),
        ("root_delay_seconds", "root_delay_s", "Round trip to the stratum 1 server."),
        ("root_dispersion_seconds", "root_dispersion_s", "Dispersion to the stratum 1 server."),
        (
            "selected_source_reach_ratio",
            "reach_ratio",
            "Answered part of the last eight polls of the selected source.",
        ),
        ("gps_report_age_seconds", "gps_age_s", "Age of the receiver's newest report."),
        ("gps_satellites_used", "satellites_used", "Satellites that the receiver uses."),
        ("gps_satellites_seen", "satellites_seen", "Satellites that the receiver sees."),
        ("gps_hdop", "hdop", "Horizontal dilution of precision."),
        ("last_look_timestamp_seconds", "looked_at_s", "When the host was last looked at."),
        ("last_seen_timestamp_seconds", "seen_at_s", "When its chronyd last answered."),
    )
)
#: The state that the host is in has the value 1, the others have no series.
_STATES: tuple[tuple[str, str, str, Callable[[HostState], str | None]], ...] = (
    (
        "status",
        "status",
        "What the rules make of the host: 1 for its status.",
        attrgetter("status"),
    ),
    ("leap", "leap", "Leap status: 1 for the present one.", attrgetter("leap")),
    ("gps_mode", "mode", "Fix of the receiver: 1 for the present one.", attrgetter("gps_mode")),
)


def host_state(judged: JudgedSample, seen_at_s: float | None) -> HostState:
    """What is told of this look; `seen_at_s` is when an earlier one had an answer of chronyd."""
    sample, verdict = judged.sample, judged.verdict
    tracking, sources, gps = sample.tracking, sample.sources, sample.gps
    looked_at_s = None if sample.taken_at is None else sample.taken_at.timestamp()
    is_set = tracking is not None and not (is_unsynchronised(tracking) or tracking.is_local)
    selected = selected_source(sources)
    counts: Counter[SourceState] = Counter()
    for source in sources or ():
        counts[source.state] += 1
    problems: Counter[tuple[ProblemCode, Severity]] = Counter()
    for one in verdict.judgements:
        if one.severity is not None:
            problems[one.code, one.severity] += 1
    return HostState(
        status=verdict.status,
        looked_at_s=looked_at_s,
        seen_at_s=looked_at_s if tracking is not None else seen_at_s,
        offset_s=tracking.system_offset_s if tracking is not None and is_set else None,
        error_bound_s=verdict.error_bound_s,
        freq_ppm=tracking.freq_ppm if tracking is not None and is_set else None,
        skew_ppm=tracking.skew_ppm if tracking is not None and is_set else None,
        root_delay_s=tracking.root_delay_s if tracking is not None and is_set else None,
        root_dispersion_s=tracking.root_dispersion_s if tracking is not None and is_set else None,
        stratum=None if tracking is None else tracking.stratum,
        leap=None if tracking is None else tracking.leap,
        sources=None if sources is None else counts,
        reach_ratio=None if selected is None else selected.reach.bit_count() / 8,
        gps_mode=None if gps is None else gps.mode,
        gps_age_s=None if gps is None else gps.age_s,
        satellites_used=None if gps is None else gps.satellites_used,
        satellites_seen=None if gps is None else gps.satellites_seen,
        hdop=None if gps is None else gps.hdop,
        problems=problems,
    )


class HostCollector(Collector):
    """The hosts that are watched, each as it was at its last look."""

    def __init__(self) -> None:
        self._hosts: Mapping[str, Host] = {}
        self._states: dict[str, HostState] = {}

    def watch(self, hosts: Sequence[Host]) -> None:
        """These are watched from now on; of all others nothing is told any more."""
        self._hosts = {host.name: host for host in hosts}
        for name in self._states.keys() - self._hosts.keys():
            del self._states[name]

    def looked(self, judged: JudgedSample) -> None:
        """Takes over what a look found."""
        name = judged.sample.host
        if name in self._hosts:
            before = self._states.get(name)
            self._states[name] = host_state(judged, None if before is None else before.seen_at_s)

    def collect(self) -> Iterable[Metric]:
        """All families, each with its series."""
        hosts = self._hosts
        looks = [({"host": name}, state) for name, state in list(self._states.items())]
        for name, text, read in _NUMBERS:
            yield _gauge(name, text, _numbers(name, looks, read))
        for name, label, text, word in _STATES:
            yield _gauge(name, text, _words(name, label, looks, word))
        yield _gauge("sources", "Sources by chronyd's state of them.", _sources(looks))
        yield _gauge("problems", "Broken rules by code and severity.", _problems(looks))
        about = "Role and group of a watched host, always 1."
        yield _gauge("info", about, (_about(host) for host in hosts.values()))


def _gauge(name: str, text: str, series: Iterable[Series]) -> Metric:
    family = Metric(_PREFIX + name, text, "gauge")
    family.samples = list(series)
    return family


_Looks = Sequence[tuple[dict[str, str], HostState]]


def _numbers(
    name: str, looks: _Looks, read: Callable[[HostState], float | None]
) -> Iterator[Series]:
    full_name = _PREFIX + name
    for labels, state in looks:
        value = read(state)
        if value is not None:
            yield Series(full_name, labels, value)


def _words(
    name: str, label: str, looks: _Looks, word: Callable[[HostState], str | None]
) -> Iterator[Series]:
    for labels, state in looks:
        found = word(state)
        if found is not None:
            yield Series(_PREFIX + name, {**labels, label: found}, 1.0)


def _sources(looks: _Looks) -> Iterator[Series]:
    for labels, state in looks:
        if state.sources is not None:
            for kind in SourceState:
                series = {**labels, "state": kind.value}
                yield Series(f"{_PREFIX}sources", series, float(state.sources.get(kind, 0)))


def _problems(looks: _Looks) -> Iterator[Series]:
    for labels, state in looks:
        for (code, severity), count in state.problems.items():
            series = {**labels, "code": code.value, "severity": severity.value}
            yield Series(f"{_PREFIX}problems", series, float(count))


def _about(host: Host) -> Series:
    labels = {"host": host.name, "role": host.role.value, "group": host.group or ""}
    return Series(f"{_PREFIX}info", labels, 1.0)
