"""The checker's metrics and probes, served beside its work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from ntp_checker.checker import Checker
from ntp_checker.config import variable_of
from ntp_checker.metrics import MetricsServer, open_metrics_listener
from ntp_checker.vitals import keep_asking


@asynccontextmanager
async def serve_metrics(checker: Checker) -> AsyncIterator[None]:
    """Metrics and probes on their own port. Raises ConfigError if it can't be listened on."""
    settings, metrics, health = checker.settings, checker.metrics, checker.health
    listener = open_metrics_listener(
        settings.checker_metrics_listen.host,
        settings.checker_metrics_listen.port,
        variable_of("metrics_listen"),
        is_default=settings.metrics_listen is None,
    )
    beating = asyncio.create_task(health.keep_beating())
    asking = asyncio.create_task(keep_asking(checker.pool, metrics, health))
    probes = {"/healthz": health.is_alive, "/readyz": health.is_ready}
    try:
        with (
            nullcontext() if listener is None else MetricsServer(listener, metrics.registry, probes)
        ):
            yield
    finally:
        beating.cancel()
        asking.cancel()
