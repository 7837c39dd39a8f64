"""Whether the dashboard's database answers, asked in a thread of its own, whoever else asks."""

import threading

import structlog

from ntp_checker.errors import StoreError
from ntp_checker.metrics import DashboardMetrics
from ntp_checker.store.pool import ReaderPool
from ntp_checker.store.reads import check_schema, reading

log = structlog.get_logger()

ASK_EVERY_S = 10.0
ANSWER_S = 1.0


def watch_database(pool: ReaderPool, metrics: DashboardMetrics, stop: threading.Event) -> None:
    """Asks until `stop`, and tells `metrics`."""

    def ask() -> None:
        while not stop.is_set():
            try:
                with reading(pool, limit_s=ANSWER_S) as connection:
                    check_schema(connection)
                metrics.is_database_reached = True
            except StoreError as error:
                metrics.is_database_reached = False
                log.debug("database not reached", reason=str(error))
            stop.wait(ASK_EVERY_S)

    threading.Thread(target=ask, name="database watch", daemon=True).start()
