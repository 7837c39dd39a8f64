"""A PostgreSQL server of the tests' own: on a unix socket only, in a folder of its own.

Its zone is Asia/Kolkata, half an hour off every full one, so that whatever takes the server's or
the session's zone for UTC shows.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from ntp_checker.embedded_binaries import Binaries, choose_binaries, copy_wheel
from tests.rig.processes import wait_until
from tests.rig.reaper import started_ticks

#: PostgreSQL refuses to run as root; this uid owns nothing else.
NOBODY = 65534
START_TIMEOUT_S = 30.0
ZONE = "Asia/Kolkata"
#: Folder with another release's programs, to run the same tests on.
BIN_DIR_VARIABLE = "TEST_POSTGRES_BIN"


class PostgresServer:
    """One server; `stop` ends it and removes its folder."""

    def __init__(
        self, *, settings: Mapping[str, str] | None = None, bin_dirs: Sequence[Path] | None = None
    ) -> None:
        # Not below pytest's own folder: that is closed to other accounts, and its path too long
        # for a socket.
        self.folder = Path(tempfile.mkdtemp(prefix="ntpc-pg-"))
        self.data = self.folder / "data"
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "timezone": ZONE,
            "log_timezone": "UTC",
            "max_connections": "60",
            "shared_buffers": "32MB",
            **(settings or {}),
        }
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.binaries = self._reachable(choose_binaries(bin_dirs or _chosen(), self.data))
            self.run(
                "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                "--locale=C", "--no-instructions",
            )  # fmt: skip
            self.start()
        except BaseException:
            self.stop()
            raise

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Connection string; says nothing of the zone."""
        port = self._settings.get("port", "5432")
        return f"postgresql://{user}@/{database}?host={self.folder}&port={port}"

    @property
    def port(self) -> int:
        """Of the socket's name, and of TCP where it listens there."""
        return int(self._settings.get("port", "5432"))

    def start(self) -> None:
        """Starts it and waits until it answers, as it does after a crash, too."""
        command: list[str | Path] = [self.binaries.bin_dir / "postgres", "-D", self.data]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]

        def answers() -> str | None:
            if self._process is None or self._process.poll() is not None:
                # Just after a kill the old one's children may still hold its shared memory.
                with (self.folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        env=self._environment(), **self._account(),
                    )  # fmt: skip
            with suppress(psycopg.OperationalError), psycopg.connect(self.url()) as conn:
                found = conn.execute("SHOW data_directory").fetchone()
                return str(found[0]) if found else None
            return None

        where = wait_until(answers, "PostgreSQL answers", timeout_s=START_TIMEOUT_S)
        assert Path(where) == self.data, "another server answers on this socket"

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice by themselves, and are waited for."""
        assert self._process
        children = self._children()
        self._process.kill()
        self._process.wait()
        wait_until(
            lambda: all(started_ticks(pid) is None for pid in children),
            "the killed server's children are gone",
        )

    def freeze(self) -> None:
        """Stops the postmaster and all its children from running, as a hung machine would."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets them run again."""
        self._signal_all(signal.SIGCONT)

    def stop(self) -> None:
        """Ends the server and removes its folder."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder)

    def require_passwords(self) -> None:
        """From now on all but `postgres` log in with a password, by scram-sha-256."""
        (self.data / "pg_hba.conf").write_text(
            "local all postgres trust\nlocal all all scram-sha-256\n"
        )
        with psycopg.connect(self.url(), autocommit=True) as conn:
            conn.execute("SELECT pg_reload_conf()")

    def psql(
        self, database: str, *arguments: str | Path, user: str = "postgres"
    ) -> "subprocess.CompletedProcess[str]":
        """psql as a user runs it, without anybody's .psqlrc."""
        return self.run(
            "psql", "-X", "-d", self.url(database, user), *arguments, check=False, as_self=True
        )

    def dump(self, database: str) -> str:
        """pg_dump of the whole database, schema and data, in one session's zone."""
        dumped = self.run("pg_dump", self.url(database), as_self=True).stdout
        # Newer releases guard a dump with a key that is another one each time.
        lines = dumped.splitlines()
        return "\n".join(x for x in lines if not x.startswith(("\\restrict", "\\unrestrict")))

    def run(
        self, program: str, *arguments: str | Path, check: bool = True, as_self: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """One of PostgreSQL's programs, as the server's account unless `as_self`."""
        return subprocess.run(
            [self.binaries.bin_dir / program, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
            env=self._environment(),
            **({} if as_self else self._account()),
        )

    def _reachable(self, binaries: Binaries) -> Binaries:
        if binaries.is_wheel and os.geteuid() == 0:
            return copy_wheel(binaries, self.folder, NOBODY)
        return binaries

    def _environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
        return {**kept, "HOME": str(self.folder), "LC_ALL": "C"}

    def _account(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {"cwd": self.folder}
        return {"cwd": self.folder, "user": NOBODY, "group": NOBODY, "extra_groups": []}

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process
        for pid in (self._process.pid, *self._children()):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _children(self) -> list[int]:
        assert self._process
        parent = self._process.pid
        return [
            int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ]


def _chosen() -> list[Path] | None:
    chosen = os.environ.get(BIN_DIR_VARIABLE)
    return [Path(chosen)] if chosen else None


def without_times(dump: str) -> str:
    """The dump without the only thing that may differ: when rows were written."""
    kept = []
    for line in dump.splitlines():
        fields = line.split("\t")
        kept.append("\t".join(f for f in fields if not (f[:2] == "20" and f[10:11] == " ")))
    return "\n".join(kept)
