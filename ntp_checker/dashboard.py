"""`ntp-checker dashboard`: pages and API over the database, and nothing else."""

import secrets
import socket
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from ntp_checker import __version__
from ntp_checker.config import Settings, check_sign_in, variable_of
from ntp_checker.database_urls import database_read_url
from ntp_checker.metrics import DashboardMetrics, MetricsServer, open_metrics_listener
from ntp_checker.model import Auth
from ntp_checker.resources import command_name
from ntp_checker.secret_key import kept_secret_key
from ntp_checker.service import database
from ntp_checker.simulated import is_simulated
from ntp_checker.store.pool import ReaderPool, open_act_pool, open_reader_pool
from ntp_checker.web import create_app
from ntp_checker.web.basic import Passwords
from ntp_checker.web.database_watch import watch_database
from ntp_checker.web.server import serve

App = TypeVar("App")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def run_dashboard(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises ConfigError, StoreError where it can't start."""
    check_sign_in(settings)
    with database(settings) as url:
        read_url = database_read_url(settings)
        secret_key = _secret_key(settings)
        # The mark speaks for the folder's own database, for no other.
        simulated = (
            settings.database_url is None and read_url is None and is_simulated(settings.data_dir)
        )
        listen = settings.dashboard_metrics_listen
        # Opened before the worker forks: whichever worker comes after it serves on it, too.
        listener = open_metrics_listener(
            listen.host,
            listen.port,
            variable_of("metrics_listen"),
            is_default=settings.metrics_listen is None,
        )
        serve(
            lambda: _measured(
                open_reader_pool(url if read_url is None else read_url),
                listener,
                lambda pool, metrics: create_app(
                    read_pool=pool,
                    act_pool=open_act_pool(url),
                    passwords=(
                        Passwords(settings.users) if settings.sign_in is Auth.BASIC else None
                    ),
                    secret_key=secret_key,
                    interval_s=settings.interval_s,
                    version=__version__,
                    command=command_name(),
                    public_url=settings.public_url,
                    simulated=simulated,
                    metrics=metrics,
                    names=_names(settings),
                ),
            ),
            settings.listen.host,
            settings.listen.port,
        )


def _measured(
    pool: ReaderPool,
    listener: socket.socket | None,
    make_app: Callable[[ReaderPool, DashboardMetrics], App],
) -> App:
    """The application in its worker, with its metrics served beside it."""
    metrics = DashboardMetrics(version=__version__, pool_stats=pool.get_stats)
    if listener is not None:
        MetricsServer(listener, metrics.registry).start()
        watch_database(pool, metrics, threading.Event())
    return make_app(pool, metrics)


def _names(settings: Settings) -> frozenset[str] | None:
    """The names by which the dashboard may be asked for; None: any, for who asks must sign in.

    Beyond loopback the name is a proxy's to check, as is who may come.
    """
    if settings.sign_in is not Auth.NONE or settings.auth_none_anywhere:
        return None
    own = urlsplit(settings.public_url or "").hostname
    return frozenset({*_LOOPBACK_NAMES, settings.listen.host, *([own] if own else [])})


def _secret_key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return settings.secret_key
    if settings.embedded:
        return kept_secret_key(settings.data_dir)
    # Where nobody signs in, what is lost at a restart is a form that stands open.
    return secrets.token_hex(32)
