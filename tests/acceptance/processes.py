"""The product's long-running commands as processes."""

import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from tests.acceptance.commands import COMMAND, environment
from tests.rig.processes import free_tcp_port, wait_until


class Service:
    """`ntp-checker monitor`, `dashboard` or `up`; ended with the `with` block at the latest."""

    def __init__(self, *arguments: str, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self._arguments = arguments
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Starts it, again after a kill."""
        self._log_start = len(self.log)
        self._process = subprocess.Popen(
            [*COMMAND, *self._arguments],
            env=environment(self.settings),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def log(self) -> str:
        """What it said so far, over all its starts."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    @property
    def log_since_start(self) -> str:
        """What it said since it was started last."""
        return self.log[self._log_start :]

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """A signal; it goes on running."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """A signal; the exit status and how long it took, in seconds."""
        asked = time.monotonic()
        self._process.send_signal(number)
        return self._process.wait(timeout=30), time.monotonic() - asked

    def wait_for(self, words: str, *, timeout_s: float = 30.0) -> None:
        """Until its log has these words; fails with the log when it ends before."""

        def said() -> bool:
            assert self.is_running, self.log
            return words in self.log

        wait_until(said, f"log says {words!r}", timeout_s=timeout_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=15)
            self._process.kill()
            self._process.wait()
        if error is not None:
            os.write(2, self.log.encode())
        self._log.close()


def settings_for(rig_settings: Mapping[str, str], data_dir: Path, **more: str) -> dict[str, str]:
    """Settings of one checker and dashboard: own data folder, own port, short interval."""
    return {
        **rig_settings,
        "NTP_CHECKER_DATA_DIR": str(data_dir),
        "NTP_CHECKER_INTERVAL_S": "1",
        "NTP_CHECKER_LISTEN": f"127.0.0.1:{free_tcp_port('127.0.0.1')}",
        "NTP_CHECKER_METRICS_LISTEN": "127.0.0.1:0",
        **more,
    }


def fetch(settings: Mapping[str, str], path: str) -> bytes:
    """A page of the dashboard that these settings start."""
    with urllib.request.urlopen(page_url(settings, path), timeout=10) as answer:  # noqa: S310 - http only
        body: bytes = answer.read()
        return body


def fetch_json(settings: Mapping[str, str], path: str) -> Any:
    """An answer of its API."""
    return orjson.loads(fetch(settings, path))


def page_url(settings: Mapping[str, str], path: str) -> str:
    """Where the dashboard of these settings shows a page."""
    return f"http://{settings['NTP_CHECKER_LISTEN']}{path}"


def wait_for_page(service: Service, path: str, *, timeout_s: float = 60.0) -> bytes:
    """The page as soon as the service's dashboard answers; fails when the service ends."""

    def answered() -> bytes | None:
        assert service.is_running, service.log
        with suppress(OSError):
            return fetch(service.settings, path)
        return None

    return wait_until(answered, f"dashboard answers {path}", timeout_s=timeout_s)
