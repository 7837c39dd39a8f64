"""What is counted and measured, for Prometheus to read. The only prometheus_client.

Objects of `CheckerMetrics` and `DashboardMetrics` are made with the process's other parts and
passed in; each has a registry of its own. They live in memory and need no database.
"""

from ntp_checker.metrics.checker import CheckerMetrics, Delivery
from ntp_checker.metrics.collectors import DatabaseState, LiveNumbers, Waiting
from ntp_checker.metrics.dashboard import DashboardMetrics
from ntp_checker.metrics.health import Health
from ntp_checker.metrics.listening import open_listener, open_metrics_listener
from ntp_checker.metrics.server import MetricsServer

__all__ = [
    "CheckerMetrics",
    "DashboardMetrics",
    "DatabaseState",
    "Delivery",
    "Health",
    "LiveNumbers",
    "MetricsServer",
    "Waiting",
    "open_listener",
    "open_metrics_listener",
]
