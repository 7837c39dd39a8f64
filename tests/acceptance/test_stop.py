"""The checker told to stop while its database hangs: it leaves in time, and loses nothing."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.processes import Service, settings_for
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

#: The promise is 5 s; the rest is for a busy machine.
LEAVES_S = 8.0
#: Slots of a second each: by then a round about the checker itself and rollups hang, too.
HANGING_SLOTS = 12


@pytest.fixture
def settings(
    rig: Rig, rig_host: Callable[..., RigHost], server: PostgresServer, tmp_path: Path
) -> dict[str, str]:
    """Of a checker of one host."""
    return settings_for(
        rig.env(), tmp_path, DATABASE_URL=server.url(), NTP_CHECKER_HOSTS=rig_host().target
    )


def _waiting(spool: Path) -> int:
    """Samples in the spool that are not stored."""
    with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as conn:
        (found,) = conn.execute(
            "SELECT count(*) FROM sample WHERE committed_at_s IS NULL"
        ).fetchone()
    return int(found)


def _slots(server: PostgresServer) -> list[float]:
    with psycopg.connect(server.url()) as conn:
        rows = conn.execute(
            "SELECT extract(epoch FROM slot_at)::float8 FROM metrics.ntp"
            " WHERE slot_at > '2026-01-01' ORDER BY slot_at"
        ).fetchall()
    return [slot for (slot,) in rows]


def test_monitor_stopped_while_the_database_is_frozen_leaves_and_keeps_its_spool(
    server: PostgresServer, settings: dict[str, str], tmp_path: Path
) -> None:
    spool = tmp_path / "spool.sqlite"
    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: len(_slots(server)) >= 3, "rows", timeout_s=60)
        server.freeze()
        wait_until(lambda: _waiting(spool) >= HANGING_SLOTS, "samples wait", timeout_s=60)
        status, took_s = monitor.stop()
        waiting = _waiting(spool)
        log = monitor.log_since_start
        server.thaw()
        stored = len(_slots(server))
        monitor.start()
        wait_until(lambda: len(_slots(server)) > stored + waiting, "it goes on", timeout_s=60)
        monitor.stop()

    print(f"left {took_s:.1f} s after SIGTERM, {waiting} samples in the spool")
    assert status == 0
    assert took_s < LEAVES_S
    assert "Traceback" not in log
    assert waiting >= HANGING_SLOTS
    assert {round(b - a, 3) for a, b in pairwise(_slots(server))} == {1.0}


def test_monitor_stopped_while_it_starts_over_a_frozen_database_leaves(
    server: PostgresServer, settings: dict[str, str], tmp_path: Path
) -> None:
    server.freeze()
    with Service("monitor", settings=settings) as monitor:
        wait_until((tmp_path / "spool.sqlite").exists, "it starts", timeout_s=60)
        status, took_s = monitor.stop()

    print(f"left {took_s:.1f} s after SIGTERM")
    assert status == 0
    assert took_s < LEAVES_S
