"""A receiver's position is nowhere: not in the database, the spool, the log or on a page."""

from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.acceptance.processes import Service, fetch, settings_for, wait_for_page
from tests.postgres import PostgresServer
from tests.rig import GpsFeed, Rig, RigHost
from tests.rig.nmea import POSITION_TEXTS
from tests.rig.processes import wait_until
from tests.rig.session import run_on

PAGES = ("/", "/api/latest", "/api/hosts", "/api/offset?range=24h")


def _count(url: str, statement: str) -> int:
    with psycopg.connect(url) as conn:
        found = conn.execute(statement.encode()).fetchone()
    assert found
    return int(found[0])


def _told_in(text: str) -> list[str]:
    return [position for position in POSITION_TEXTS if position in text]


def test_position_of_a_receiver_with_a_fix_is_kept_nowhere(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    tmp_path: Path,
) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    told = run_on(rig, host, "timeout 10 gpspipe -w -x 3").stdout
    assert _told_in(told), "the receiver tells its position"
    url = postgres.url(database)
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=host.target,
        NTP_CHECKER_LOG_LEVEL="debug",
    )

    with Service("monitor", settings=settings) as monitor:
        with_fix = (
            "SELECT count(*) FROM metrics.ntp WHERE gps_mode = 'fix_3d' AND slot_at > '2026-01-01'"
        )
        wait_until(lambda: _count(url, with_fix) >= 2, "looks with a fix", timeout_s=60)
        host.stop_chronyd()  # a change of state: its evidence has the text of both programs
        kept = "SELECT count(*) FROM metrics.evidence WHERE part = 3 AND raw_text LIKE '%TPV%'"
        wait_until(lambda: _count(url, kept) >= 1, "evidence with gpsd's text", timeout_s=60)
        with Service("dashboard", settings=settings) as dashboard:
            wait_for_page(dashboard, "/")
            pages = [fetch(settings, path).decode() for path in PAGES]
        monitor.stop()
        logs = monitor.log

    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    dump = postgres.dump(database)
    assert "TPV" in dump
    assert b"fix_3d" in b"".join(files.values())
    assert "fix_3d" in "".join(pages)
    assert _told_in(dump) == []
    assert {name: _told_in(found.decode("latin-1")) for name, found in files.items()} == {
        name: [] for name in files
    }
    assert [_told_in(page) for page in pages] == [[]] * len(pages)
    assert _told_in(logs) == []
