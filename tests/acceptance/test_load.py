"""Fifty hosts at one second: a frozen one makes nobody late, a database away costs no slot.

`make outage` has the database away for 60 s; here it is NTP_CHECKER_OUTAGE_S (10).
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.processes import Service, settings_for
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

OUTAGE_S = float(os.environ.get("NTP_CHECKER_OUTAGE_S", "10"))
HOSTS, NAMES, INTERVAL_S = 5, 50, 1.0
WATCH_S = 10.0


@pytest.fixture
def start_fleet(
    rig: Rig, rig_host: Callable[..., RigHost], server: PostgresServer, tmp_path: Path
) -> Callable[..., dict[str, str]]:
    """Settings for NAMES names over HOSTS hosts, and over these others."""

    def start(*others: RigHost) -> dict[str, str]:
        hosts = [rig_host() for _ in range(HOSTS)]
        targets = [hosts[number % HOSTS].target for number in range(NAMES - len(others))]
        named = [*enumerate(targets), *((f"other{n}", o.target) for n, o in enumerate(others))]
        config = tmp_path / "config.yaml"
        entries = [
            f"  - {{name: n{name}, target: '{target}', has_gps: 'no'}}" for name, target in named
        ]
        config.write_text("\n".join(["hosts:", *entries]) + "\n", encoding="ascii")
        return settings_for(
            rig.env(),
            tmp_path,
            DATABASE_URL=server.url(),
            NTP_CHECKER_CONFIG=str(config),
            NTP_CHECKER_INTERVAL_S=str(INTERVAL_S),
        )

    return start


def _one(server: PostgresServer, query: str, **values: float) -> float:
    with psycopg.connect(server.url()) as conn:
        found = conn.execute(query, values).fetchone()
    assert found is not None
    return float(found[0] or 0)


def _names_seen(server: PostgresServer) -> int:
    return int(
        _one(
            server,
            "SELECT count(DISTINCT host) FROM metrics.ntp"
            " WHERE slot_at > '2026-01-01' AND system_offset_s IS NOT NULL",
        )
    )


def test_frozen_host_when_beside_49_good_ones_then_none_of_them_is_late(
    rig_host: Callable[..., RigHost],
    start_fleet: Callable[..., dict[str, str]],
    server: PostgresServer,
) -> None:
    frozen = rig_host()
    settings = start_fleet(frozen)
    frozen.freeze_chronyd()
    try:
        with Service("monitor", settings=settings) as monitor:
            wait_until(
                lambda: _names_seen(server) == NAMES - 1, "the good ones are seen", timeout_s=110
            )
            since = _one(server, "SELECT extract(epoch FROM clock_timestamp())")
            threading.Event().wait(WATCH_S)
            monitor.stop()
    finally:
        frozen.thaw_chronyd()

    late_s = _one(
        server,
        "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM taken_at - slot_at))"
        " FROM metrics.ntp WHERE slot_at > to_timestamp(%(since)s) AND NOT starts_with(host, 'no')",
        since=since,
    )
    named = _one(
        server,
        "SELECT count(*) FROM metrics.ntp WHERE slot_at > '2026-01-01' AND host = 'nother0'"
        " AND failure_kind = 'deadline' AND status = 'unknown'",
    )
    print(f"p99 of lateness beside a frozen host: {late_s * 1e3:.0f} ms; {named:.0f} looks at it")
    assert late_s < 1.0
    assert named >= WATCH_S / 2


def test_database_when_away_under_50_hosts_then_each_slot_has_its_row(
    start_fleet: Callable[..., dict[str, str]], server: PostgresServer
) -> None:
    settings = start_fleet()

    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: _names_seen(server) == NAMES, "all are seen", timeout_s=110)
        server.kill()
        threading.Event().wait(OUTAGE_S)
        server.start()
        back_at = _one(server, "SELECT extract(epoch FROM clock_timestamp())")
        wait_until(
            lambda: (
                _one(
                    server,
                    "SELECT count(*) FROM metrics.latest WHERE slot_at > to_timestamp(%(since)s)",
                    since=back_at + 2 * INTERVAL_S,
                )
                == NAMES
            ),
            "all are stored again",
            timeout_s=110,
        )
        monitor.stop()

    wrong = _one(
        server,
        "SELECT count(*) FROM (SELECT count(*) AS rows,"
        " round(extract(epoch FROM max(slot_at) - min(slot_at)) / %(interval_s)s) + 1 AS slots"
        " FROM metrics.ntp WHERE slot_at > '2026-01-01' GROUP BY host) AS per_host"
        " WHERE rows <> slots",
        interval_s=INTERVAL_S,
    )
    total = _one(server, "SELECT count(*) FROM metrics.ntp WHERE slot_at > '2026-01-01'")
    print(f"{total:.0f} rows, database away {OUTAGE_S:g} s; hosts with a slot too few: {wrong:.0f}")
    assert wrong == 0
