"""Runs the dashboard under gunicorn, in this process and one worker with threads."""

import os
import sys
from collections.abc import Callable

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has none
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # it has none

from ntp_checker.errors import NtpCheckerError
from ntp_checker.metrics import open_listener
from ntp_checker.web.worker import HeadFirstWorker

log = structlog.get_logger()

#: requests under way may finish within this after SIGTERM or SIGINT
GRACE_S = 3
#: a worker that shows no sign of life for this long is replaced
_WORKER_SILENCE_S = 30


class DashboardFailed(NtpCheckerError):
    """The server ended by itself; the log says why."""


def serve(make_app: Callable[[], Flask], host: str, port: int, *, threads: int = 8) -> None:
    """Serves until SIGTERM or SIGINT, then ends within 5 s.

    `make_app` is called in the worker, after the fork, so that it can open connections.
    Port 0 takes any free one; the log says which. Raises ConfigError when the address can't be
    listened on, and DashboardFailed when the worker does not start.
    """
    listener = open_listener(host, port, "NTP_CHECKER_LISTEN")
    bound_host, bound_port = listener.getsockname()[:2]
    shown = f"[{bound_host}]" if ":" in bound_host else bound_host
    log.info("dashboard listens", url=f"http://{shown}:{bound_port}/")
    master_pid = os.getpid()
    status: object = 1
    try:
        # gunicorn takes the socket over, and closes it.
        Arbiter(_Server(make_app, listener.detach(), threads)).run()
    except SystemExit as err:
        status = err.code
    finally:
        # The worker is a fork of this process: what the callers above would clean up, such as
        # the embedded database, is not its own.
        if os.getpid() != master_pid:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status if isinstance(status, int) else int(status is not None))
    if status not in (None, 0):
        raise DashboardFailed("the dashboard could not be started: its log says why")


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's settings; none is read from files or the environment."""

    def __init__(self, make_app: Callable[[], Flask], listener_fd: int, threads: int) -> None:
        self._make_app = make_app
        self._listener_fd = listener_fd
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": [f"fd://{self._listener_fd}"],
            "worker_class": HeadFirstWorker,
            "workers": 1,
            "threads": self._threads,
            "timeout": _WORKER_SILENCE_S,
            "graceful_timeout": GRACE_S,
            "keepalive": 15,
            "worker_connections": 1000,
            # On disk its heartbeat file can block the worker; not every system has this folder.
            "worker_tmp_dir": next((d for d in ("/dev/shm",) if os.access(d, os.W_OK)), None),  # noqa: S108
            "control_socket_disable": True,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "limit_request_line": 8190,
            "limit_request_fields": 64,
            # Nothing in a request's headers is believed.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
        }
        for name, value in settings.items():
            # An older gunicorn lacks the newest of these, and the feature with it.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        try:
            return self._make_app()
        except NtpCheckerError as err:
            log.error("dashboard not started", error=str(err))  # noqa: TRY400  -- the text is enough
            sys.exit(Arbiter.APP_LOAD_ERROR)
