"""Metrics as Prometheus reads them, and registries in which every family has a series."""

import urllib.error
import urllib.request
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from ntp_checker.metrics import (
    CheckerMetrics,
    DashboardMetrics,
    DatabaseState,
    Delivery,
    LiveNumbers,
    Waiting,
)
from ntp_checker.model import FailureKind, Host, JudgedSample, Part, Sample, Severity
from ntp_checker.rules.verdict import judge
from ntp_checker.store.rollups import TIERS
from tests.made_samples import gps_report, with_failure, with_gps, with_tracking

#: A family that the process's own collector makes; the library documents it.
NOT_OURS = ("process_", "python_")


def read(url: str, *, timeout_s: float = 10.0, **headers: str) -> tuple[int, bytes]:
    """Status and body of a GET, of an error, too."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http only
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def series(text: str) -> dict[str, float]:
    """Value by `name{label="value",...}`, labels in order."""
    return {
        _shown(one.name, one.labels): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def _shown(name: str, labels: dict[str, str]) -> str:
    inner = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


def judged(sample: Sample) -> JudgedSample:
    """The sample with its verdict by the default limits."""
    return JudgedSample(
        sample=sample, verdict=judge(sample, Host(name="", address="").limits, 30.0)
    )


def full_checker_metrics() -> CheckerMetrics:
    """Everything has happened once."""
    metrics = CheckerMetrics(version="9.8.7", channels=["ses"], tiers=[tier.name for tier in TIERS])
    metrics.watch([Host(name="ntp1", address="192.0.2.1", group="lab")])
    metrics.looked(judged(with_failure(Part.TRACKING, FailureKind.DEADLINE)))
    metrics.looked(judged(with_tracking(system_offset_s=0.25)))
    good = judged(with_gps(gps_report()))
    metrics.looked(good)
    metrics.looked(judged(with_gps(gps_report(satellites_used=3))))
    metrics.written(2)
    metrics.delivered("ses", Delivery.ACCEPTED)
    metrics.settings_taken()
    metrics.rolled_up("5m")
    metrics.maintained()
    metrics.clock_followed(0.002)
    metrics.database_said(
        DatabaseState(
            waiting={"ses": Waiting(notifications=2, oldest_age_s=7.0)},
            open_alerts={Severity.CRITICAL: 1},
            days_ahead=14,
        )
    )
    metrics.read_live(
        LiveNumbers(
            spool_depth=lambda: 3,
            spool_age_s=lambda: 4.0,
            is_database_reached=lambda: True,
            hosts_leased=lambda: 1,
        )
    )
    return metrics


def full_dashboard_metrics() -> DashboardMetrics:
    """Everything has happened once."""
    metrics = DashboardMetrics(
        version="9.8.7",
        pool_stats=lambda: {"pool_size": 3, "pool_available": 2, "requests_waiting": 0},
    )
    metrics.answered("pages.overview", 200, 0.01)
    metrics.chart_computed()
    metrics.is_database_reached = True
    return metrics


def families(registry: CollectorRegistry) -> Iterator[tuple[str, str, str, str]]:
    """Name as in a query, type, labels, text; of our own families."""
    for family in registry.collect():
        if family.name.startswith(NOT_OURS):
            continue
        labels = {label for one in family.samples for label in one.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, ", ".join(sorted(labels)), family.documentation
