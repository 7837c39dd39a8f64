"""What the dashboard counts of itself. Called by its threads; none of it waits."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from ntp_checker.metrics.build import add_build

_P = "ntp_checker_"
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: Stands for every address that no route has: a stranger's guesses make no series.
NO_ROUTE = "none"


class DashboardMetrics:
    """One dashboard's; `registry` is what is served.

    `pool_stats` is the pool's own account of itself, psycopg_pool's `get_stats`.
    """

    def __init__(self, *, version: str = "", pool_stats: Callable[[], Mapping[str, int]]) -> None:
        # Prometheus finds restarts by itself; the library knows this switch for all or none.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has none
        self.registry = registry = CollectorRegistry()
        #: The database answered when it was asked last; None: it was not asked yet.
        self.is_database_reached: bool | None = None
        ProcessCollector(registry=registry)
        add_build(registry, version, "dashboard")
        text = "Requests by route and class of status."
        self._requests = Counter(
            f"{_P}http_requests_total", text, ("route", "status"), registry=registry
        )
        text = "From the whole head of a request to its answer."
        self._duration = Histogram(
            f"{_P}http_request_duration_seconds",
            text,
            ("route",),
            registry=registry,
            buckets=_BUCKETS_S,
        )
        text = "Charts that were asked for."
        self._charts = Counter(f"{_P}charts_total", text, ("outcome",), registry=registry)
        for outcome in ("computed", "refused"):
            self._charts.labels(outcome)
        registry.register(_PoolCollector(self, pool_stats))

    def answered(self, route: str | None, status: int, duration_s: float) -> None:
        """A request got its answer; `route` is the endpoint, None where there is none."""
        name = route or NO_ROUTE
        self._requests.labels(name, f"{status // 100}xx").inc()
        self._duration.labels(name).observe(duration_s)

    def chart_computed(self) -> None:
        """A chart got its turn."""
        self._charts.labels("computed").inc()

    def chart_refused(self) -> None:
        """Too many were being computed."""
        self._charts.labels("refused").inc()


class _PoolCollector(Collector):
    def __init__(
        self, metrics: DashboardMetrics, pool_stats: Callable[[], Mapping[str, int]]
    ) -> None:
        self._metrics = metrics
        self._pool_stats = pool_stats

    def collect(self) -> Iterable[Metric]:
        stats = self._pool_stats()
        idle = stats.get("pool_available", 0)
        text = "Connections to the database."
        connections = GaugeMetricFamily(f"{_P}database_connections", text, labels=["state"])
        connections.add_metric(["idle"], idle)
        connections.add_metric(["in_use"], stats.get("pool_size", 0) - idle)
        yield connections
        text = "Requests that wait for a connection to the database."
        waiting = stats.get("requests_waiting", 0)
        yield GaugeMetricFamily(f"{_P}database_requests_waiting", text, value=waiting)
        text = "1 if the database answered a moment ago and has the schema that is needed."
        is_reached = self._metrics.is_database_reached
        value = None if is_reached is None else int(is_reached)
        yield GaugeMetricFamily(f"{_P}database_reachable", text, value=value)
