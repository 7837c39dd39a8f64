"""`ntp-checker up`: checker and dashboard side by side in one terminal."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import FrameType

import structlog

from ntp_checker.config import Settings, check_sign_in, variable_of
from ntp_checker.service import database

log = structlog.get_logger()

#: Each part leaves within 5 s; after this it is made to.
STOP_S = 8.0


def run_up(settings: Settings) -> int:
    """Runs both until SIGTERM, SIGINT or SIGHUP, or until one ends; then the other is ended, too.

    Returns 0 after a signal, else the exit status of the part that ended by itself. Raises
    ConfigError, StoreError where the database can't be had.
    """
    check_sign_in(settings)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    # Else a closed terminal would end us alone; under nohup it ends nothing.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, on_signal)
    # Held here as well, the embedded server outlives a part that is restarted by hand.
    with database(settings):
        parts = {name: _start(name, stop, more) for name, more in _parts(settings).items()}
        stop.wait()
        ended = {name: part.poll() for name, part in parts.items()}
        _stop(list(parts.values()))
    for name, status in ended.items():
        if status is not None:
            log.error("part ended by itself", part=name, exit_status=status)
            return status or 1
    return 0


def _parts(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    """Both parts, each with what its environment has beside ours."""
    listen = settings.metrics_listen
    next_to_it = {} if listen is None else {variable_of("metrics_listen"): str(listen.next_port)}
    return {"monitor": {}, "dashboard": next_to_it}


def _start(name: str, stop: threading.Event, more: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches us alone, and we pass it on once.
    part = subprocess.Popen(
        [sys.executable, "-m", "ntp_checker", name],
        env={**os.environ, **more},
        start_new_session=True,
    )

    def watch() -> None:
        part.wait()
        stop.set()

    threading.Thread(target=watch, name=f"watch {name}", daemon=True).start()
    return part


def _stop(parts: "list[subprocess.Popen[bytes]]") -> None:
    for part in parts:
        if part.poll() is None:
            part.terminate()
    for part in parts:
        try:
            part.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            log.error("part did not stop in time, killed", pid=part.pid)  # noqa: TRY400
            part.kill()
            part.wait()
