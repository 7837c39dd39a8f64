"""kill -9 of the checker at random instants: what was spooled is stored, and once.

`make kills` does it 50 times; here it is done NTP_CHECKER_KILLS (8) times.
"""

import os
import random
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from tests.acceptance.processes import Service, settings_for
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

KILLS = int(os.environ.get("NTP_CHECKER_KILLS", "8"))
HOSTS = 3
INTERVAL_S = 0.2
#: From the first samples on; start-up itself is killed, too.
LIFE_S = (0.2, 2.5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Slot = tuple[str, datetime]


def _spooled(spool: Path) -> set[Slot]:
    """Every slot that is in the spool now, stored or not."""
    if not spool.exists():
        return set()
    with sqlite3.connect(f"file:{spool}?mode=ro", uri=True) as conn:
        rows = conn.execute("SELECT host, slot_us FROM sample").fetchall()
    conn.close()
    return {(host, EPOCH + timedelta(microseconds=slot_us)) for host, slot_us in rows}


def _stored(url: str) -> list[Slot]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT host, slot_at FROM metrics.ntp WHERE slot_at > '2026-01-01'"
        ).fetchall()


def test_monitor_killed_at_random_instants_loses_and_doubles_nothing(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    tmp_path: Path,
) -> None:
    url, spool = postgres.url(database), tmp_path / "spool.sqlite"
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=",".join(rig_host().target for _ in range(HOSTS)),
        NTP_CHECKER_INTERVAL_S=str(INTERVAL_S),
    )
    seed = random.SystemRandom().randrange(2**32)
    instants = random.Random(seed)
    seen: set[Slot] = set()
    waiting_at_kill = 0

    with Service("monitor", settings=settings) as monitor:
        for number in range(KILLS):
            if number:
                monitor.start()
            if instants.random() < 0.8:  # the rest is killed while it starts
                wait_until(
                    lambda: "watching" in monitor.log_since_start, "it watches", timeout_s=60
                )
            threading.Event().wait(instants.uniform(*LIFE_S))
            monitor.kill()
            now = _spooled(spool)
            waiting_at_kill += len(now - set(_stored(url)))
            seen |= now
        monitor.start()
        wait_until(lambda: seen <= set(_stored(url)), "all that was spooled is stored")
        monitor.stop()

    stored = _stored(url)
    print(
        f"{KILLS} kills (seed {seed}): {len(seen)} slots spooled, {len(stored)} rows stored, "
        f"{waiting_at_kill} were waiting when it was killed, "
        f"lost {len(seen - set(stored))}, double {len(stored) - len(set(stored))}"
    )
    assert seen
    assert waiting_at_kill > 0
    assert seen - set(stored) == set()
    assert len(stored) == len(set(stored))
