"""Which program this is."""

import platform

from prometheus_client import CollectorRegistry, Gauge


def add_build(registry: CollectorRegistry, version: str, component: str) -> None:
    """Adds the series that names release, component and Python."""
    build = Gauge(
        "ntp_checker_build_info",
        "Release of this component, always 1.",
        ("version", "component", "python_version"),
        registry=registry,
    )
    build.labels(version, component, platform.python_version()).set(1)
