"""What is known elsewhere and put into families when Prometheus asks."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ntp_checker.model import Severity

_P = "ntp_checker_"
#: What the database said is told this long; then it is unknown.
DATABASE_SAID_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is due on one channel and not sent."""

    notifications: int
    oldest_age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What the database said of the installation."""

    waiting: Mapping[str, Waiting]  #: by channel; one with nothing due is left out
    open_alerts: Mapping[Severity, int]
    days_ahead: int  #: days after today whose partition is there, without a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNumbers:
    """Asked when Prometheus asks, in another thread: each answers at once."""

    spool_depth: Callable[[], int]
    spool_age_s: Callable[[], float | None]
    is_database_reached: Callable[[], bool]
    hosts_leased: Callable[[], int]


class Moments(Collector):
    """When recurring work last ended well.

    Until it did so once, since when it is awaited, the start: else no rule could tell of work that
    never succeeds, for it would have no series.
    """

    def __init__(self, tiers: Sequence[str], *, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        started_at_s = now_s()
        self._writer_at_s = self._maintenance_at_s = started_at_s
        self._rollup_at_s = dict.fromkeys(tiers, started_at_s)
        self.step_s: float | None = None  #: last step of our clock, positive = we were behind

    def note_written(self) -> None:
        """The database has just taken a batch."""
        self._writer_at_s = self._now_s()

    def note_rolled_up(self, tier: str) -> None:
        """A run over this tier has just ended well."""
        self._rollup_at_s[tier] = self._now_s()

    def note_maintained(self) -> None:
        """Partitions have just been maintained."""
        self._maintenance_at_s = self._now_s()

    def collect(self) -> Iterable[Metric]:
        """The families, as they are now."""
        text = "When the database last took a batch; before the first one, the start."
        yield _family("writer_last_success_timestamp_seconds", text, self._writer_at_s)
        text = "When rollups of this width were last computed; before the first time, the start."
        name = f"{_P}rollup_last_success_timestamp_seconds"
        rollups = GaugeMetricFamily(name, text, labels=["tier"])
        for tier, at_s in list(self._rollup_at_s.items()):
            rollups.add_metric([tier], at_s)
        yield rollups
        text = "When partitions were last maintained; before the first time, the start."
        yield _family("maintenance_last_success_timestamp_seconds", text, self._maintenance_at_s)
        text = "Last step of the checker's clock to the database's, positive = it was behind."
        yield _family("clock_step_seconds", text, self.step_s)


class DatabaseCollector(Collector):
    """What the database said last; nothing once that is too long ago."""

    def __init__(
        self, channels: Sequence[str], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._channels = channels
        self._monotonic = monotonic
        self._state: DatabaseState | None = None
        self._said_at_s = 0.0

    def note(self, state: DatabaseState) -> None:
        """The database said so now."""
        self._said_at_s = self._monotonic()
        self._state = state

    def collect(self) -> Iterable[Metric]:
        """The families, as they are now."""
        state = self._state
        if self._monotonic() - self._said_at_s > DATABASE_SAID_S:
            state = None
        text = "Notifications that are due and not sent."
        waiting = GaugeMetricFamily(f"{_P}outbox_notifications", text, labels=["channel"])
        text = "How long the first of them has been due."
        oldest = GaugeMetricFamily(f"{_P}outbox_oldest_age_seconds", text, labels=["channel"])
        alerts = GaugeMetricFamily(f"{_P}alerts_open", "Open alerts.", labels=["severity"])
        text = "Days after today that have their partition, up to the first gap."
        days = GaugeMetricFamily(f"{_P}partitions_ahead", text)
        if state is not None:
            for channel in sorted({*self._channels, *state.waiting}):
                found = state.waiting.get(channel)
                waiting.add_metric([channel], 0 if found is None else found.notifications)
                if found is not None:
                    oldest.add_metric([channel], found.oldest_age_s)
            for severity in (Severity.WARNING, Severity.CRITICAL):
                alerts.add_metric([severity.value], state.open_alerts.get(severity, 0))
            days.add_metric([], state.days_ahead)
        return waiting, oldest, alerts, days


class LiveCollector(Collector):
    """What other parts know by themselves."""

    def __init__(self, numbers: LiveNumbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterable[Metric]:
        """The families, as they are now."""
        numbers = self._numbers
        yield _family("spool_samples", "Samples that wait for the database.", numbers.spool_depth())
        text = "How long the first of them has waited."
        yield _family("spool_oldest_age_seconds", text, numbers.spool_age_s())
        text = "1 if the database answered a moment ago and has the schema that is needed."
        yield _family("database_reachable", text, int(numbers.is_database_reached()))
        yield _family("hosts_leased", "Hosts whose lease we hold.", numbers.hosts_leased())


def _family(name: str, text: str, value: float | None) -> Metric:
    """A family with one series, or with none for None."""
    return GaugeMetricFamily(_P + name, text, value=value)
