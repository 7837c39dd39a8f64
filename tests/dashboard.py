"""The real dashboard in a process of its own: `python -m tests.dashboard DATABASE_URL`."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

_URL = re.compile(r"http://127\.0\.0\.1:\d+/")
_ROOT = Path(__file__).resolve().parents[1]
START_LIMIT_S = 30.0
INTERVAL_S = 30.0


class DashboardProcess:
    """Started on a free port of the loopback; `with` ends it."""

    def __init__(self, database_url: str, *, port: int = 0) -> None:
        self.database_url = database_url
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.dashboard", database_url, str(port)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._urls: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        url = self._urls.get(timeout=START_LIMIT_S)
        assert url is not None, "\n".join(self.lines)
        self.url = url.rstrip("/")
        healthz = f"{self.url}/healthz"
        with urllib.request.urlopen(healthz, timeout=START_LIMIT_S) as answer:  # noqa: S310  -- ours
            assert answer.headers["X-Request-Id"], "this is not our server"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=15)
        self._reader.join(timeout=5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := _URL.search(line):
                self._urls.put(found[0])
        self._urls.put(None)


def main(database_url: str, port: str) -> None:
    from ntp_checker.errors import NtpCheckerError
    from ntp_checker.store.pool import open_act_pool, open_reader_pool
    from ntp_checker.web import create_app
    from ntp_checker.web.server import serve

    try:
        serve(
            lambda: create_app(
                read_pool=open_reader_pool(database_url),
                act_pool=open_act_pool(database_url),
                interval_s=INTERVAL_S,
                version="0.0.0",
            ),
            "127.0.0.1",
            int(port),
        )
    except NtpCheckerError as err:
        sys.exit(str(err))


if __name__ == "__main__":
    main(*sys.argv[1:])
