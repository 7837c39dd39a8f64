"""One row for every slot: of a checker that was killed, away, and came back."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg

from tests.acceptance.processes import Service, settings_for
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

AWAY_S = 5.0
INTERVAL = timedelta(seconds=1)


def _rows(url: str) -> list[tuple[datetime, str | None]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT slot_at, failure_kind FROM metrics.ntp WHERE slot_at > '2026-01-01'"
            " ORDER BY slot_at"
        ).fetchall()


def _latest(url: str) -> datetime | None:
    with psycopg.connect(url) as conn:
        found = conn.execute("SELECT max(slot_at) FROM metrics.latest").fetchone()
    return found[0] if found else None


def test_monitor_killed_and_started_again_leaves_no_slot_without_a_row(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    tmp_path: Path,
) -> None:
    url = postgres.url(database)
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=rig_host().target,
        NTP_CHECKER_INTERVAL_S=str(INTERVAL.total_seconds()),
    )
    began_at = datetime.now(UTC)
    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: len(_rows(url)) >= 4, "rows", timeout_s=60)
        monitor.kill()
        threading.Event().wait(AWAY_S)
        killed_at = _rows(url)[-1][0]
        monitor.start()

        def is_back() -> bool:
            newest = _latest(url)
            return newest is not None and newest > killed_at + timedelta(seconds=AWAY_S)

        wait_until(is_back, "it looks again", timeout_s=60)
        wait_until(
            lambda: sum(kind == "missed" for _, kind in _rows(url)) >= AWAY_S - 1,
            "the slots in between have rows",
            timeout_s=60,
        )
        monitor.stop()

    found = _rows(url)
    steps = {later - earlier for (earlier, _), (later, _) in pairwise(found)}
    assert steps == {INTERVAL}
    # Of a host that nobody knew before, the slot in which it was made known at the earliest.
    assert found[0][0] > began_at - INTERVAL
    assert _latest(url) == [slot_at for slot_at, kind in found if kind != "missed"][-1]
