"""What the checker counts of itself. Its parts call these methods; none of them waits."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.process_collector import ProcessCollector

from ntp_checker.metrics.build import add_build
from ntp_checker.metrics.collectors import (
    DatabaseCollector,
    DatabaseState,
    LiveCollector,
    LiveNumbers,
    Moments,
)
from ntp_checker.metrics.hosts import HostCollector
from ntp_checker.model import (
    FailureKind,
    Host,
    JudgedSample,
    Part,
    Status,
    Transition,
    TransitionKind,
)

_P = "ntp_checker_"
#: A look over a kept channel takes milliseconds, one with a login a tenth of a second.
_LOOK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATENESS_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
#: Slots that nobody looked at have no part that failed.
_LOOK_KINDS = tuple(
    kind
    for kind in FailureKind
    if kind not in (FailureKind.MISSED, FailureKind.DROPPED, FailureKind.REJECTED)
)


class Delivery(StrEnum):
    """What became of one attempt to send a message."""

    ACCEPTED = "accepted"
    RETRY = "retry"  #: tried again later
    GIVEN_UP = "given_up"  #: never tried again here
    FAULT = "fault"  #: it could not be made or stored


class CheckerMetrics:
    """One checker's; `registry` is what is served. `tiers` are the rollups' names."""

    def __init__(
        self, *, version: str = "", channels: Sequence[str] = (), tiers: Sequence[str] = ()
    ) -> None:
        # Prometheus finds restarts by itself; the library knows this switch for all or none.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has none
        self.registry = registry = CollectorRegistry()
        self._hosts = HostCollector()
        registry.register(self._hosts)
        self._database = DatabaseCollector(tuple(channels))
        registry.register(self._database)
        ProcessCollector(registry=registry)
        add_build(registry, version, "checker")

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(_P + name, text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(_P + name, text, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(_P + name, text, registry=registry, buckets=buckets)

        looks = counter("looks_total", "Looks by what the rules made of them.", "status")
        self._looks = {status: looks.labels(status.value) for status in Status}
        failures = counter("look_failures_total", "Parts of looks that failed.", "part", "kind")
        self._failures = failures
        for part in Part:
            for kind in _LOOK_KINDS:
                failures.labels(part.value, kind.value)
        self._duration = histogram("look_duration_seconds", "How long looks took.", _LOOK_BUCKETS_S)
        text = "How long after its slot a look began."
        self._lateness = histogram("look_lateness_seconds", text, _LATENESS_BUCKETS_S)
        text = "Slots of this run that passed without a look."
        self._missed = counter("slots_missed_total", text)
        self._watched = gauge("hosts_watched", "Hosts that are watched.")
        self._written = counter("rows_written_total", "New rows in the database.")
        text = "Batches that the database did not take; they are tried again."
        self._write_errors = counter("writer_errors_total", text)
        self._transitions = counter("alert_transitions_total", "Steps of alerts.", "transition")
        for step in TransitionKind:
            self._transitions.labels(step.value)
        text = "Attempts to send a message by what came of them."
        self._messages = counter("messages_total", text, "channel", "outcome")
        for channel in channels:
            for outcome in Delivery:
                self._messages.labels(channel, outcome.value)
        text = "New settings of a running checker."
        self._reloads = counter("config_reloads_total", text, "outcome")
        for word in ("taken", "refused"):
            self._reloads.labels(word)
        text = "1 if the newest settings are in force, 0 if they were refused."
        self._is_config_good = gauge("config_last_reload_successful", text)
        text = "When the settings in force were taken over."
        self._config_at = gauge("config_last_reload_success_timestamp_seconds", text)
        self._settings_in_force()
        self._done = Moments(tiers)
        registry.register(self._done)

    def watch(self, hosts: Sequence[Host]) -> None:
        """These hosts are watched from now on; what was known of others is forgotten."""
        self._hosts.watch(hosts)
        self._watched.set(len(hosts))

    def looked(self, judged: JudgedSample) -> None:
        """A look was made. The one method on the way of a look."""
        sample = judged.sample
        self._hosts.looked(judged)
        self._looks[judged.verdict.status].inc()
        if sample.duration_s is not None:
            self._duration.observe(sample.duration_s)
        if sample.taken_at is not None:
            self._lateness.observe(max(0.0, (sample.taken_at - sample.slot_at).total_seconds()))
        for failure in sample.failures:
            self._failures.labels(failure.part.value, failure.kind.value).inc()

    def missed(self, slots: int) -> None:
        """So many slots passed without a look."""
        self._missed.inc(slots)

    def written(self, rows: int) -> None:
        """A batch with so many new rows is in the database."""
        self._written.inc(rows)
        self._done.note_written()

    def stepped(self, transitions: Iterable[Transition]) -> None:
        """These steps of alerts were stored."""
        for transition in transitions:
            self._transitions.labels(transition.kind.value).inc()

    def write_failed(self) -> None:
        """The database did not take a batch."""
        self._write_errors.inc()

    def delivered(self, channel: str, outcome: Delivery) -> None:
        """A message was tried."""
        self._messages.labels(channel, outcome.value).inc()

    def settings_taken(self) -> None:
        """New settings are in force."""
        self._reloads.labels("taken").inc()
        self._settings_in_force()

    def settings_refused(self) -> None:
        """New settings are broken, or can't be taken over."""
        self._reloads.labels("refused").inc()
        self._is_config_good.set(0)

    def rolled_up(self, tier: str) -> None:
        """A run over this tier of rollups ended well."""
        self._done.note_rolled_up(tier)

    def maintained(self) -> None:
        """Partitions and archive were maintained."""
        self._done.note_maintained()

    def clock_followed(self, step_s: float) -> None:
        """Our clock was set by the database's; positive when we were behind."""
        self._done.step_s = step_s

    def database_said(self, state: DatabaseState) -> None:
        """The database was asked for the state of the installation."""
        self._database.note(state)

    def read_live(self, numbers: LiveNumbers) -> None:
        """From now on these are told, too. Once."""
        self.registry.register(LiveCollector(numbers))

    def _settings_in_force(self) -> None:
        self._is_config_good.set(1)
        self._config_at.set_to_current_time()
