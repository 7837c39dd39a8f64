"""Log lines on stderr: readable on a terminal, JSON where a program collects them."""

import logging
import sys

import structlog


def configure_logging(level: str) -> None:
    """Sets structlog up for this process; `level` is debug, info, warning or error."""
    if sys.stderr.isatty():
        renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer()
        timestamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True)
    else:
        renderer = structlog.processors.JSONRenderer()
        timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            timestamp,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # asyncssh logs every login; what matters of it is in our own samples.
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
