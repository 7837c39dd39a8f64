"""Alerts acknowledged and silenced from a terminal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.commands import run
from tests.acceptance.processes import settings_for
from tests.alert_rows import AlertRow, add_alert, add_many
from tests.fleet_rows import FleetHost, add_host
from tests.postgres import PostgresServer
from tests.rig.faketime import MovableClock

Conn = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def conn(postgres: PostgresServer, database: str) -> Iterator[Conn]:
    with psycopg.connect(postgres.url(database), autocommit=True) as opened:
        add_host(opened, FleetHost(name="gps1"))
        yield opened


@pytest.fixture
def settings(postgres: PostgresServer, database: str, tmp_path: Path) -> dict[str, str]:
    return settings_for({}, tmp_path, DATABASE_URL=postgres.url(database), LOGNAME="ada")


def test_alert_when_acknowledged_then_the_list_says_by_whom(
    conn: Conn, settings: dict[str, str]
) -> None:
    number = str(add_alert(conn, AlertRow(host="gps1")))

    done = run("alerts", "ack", number, "--note", "on my way", "--for", "8h", settings=settings)
    listed = run("alerts", "list", settings=settings)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"alert {number}: acknowledged by ada until ")
    row = listed.stdout.splitlines()[1].split()
    assert row[:3] == [number, "CRITICAL", "gps1"]
    assert "ada" in row


def test_alert_when_given_back_then_once(conn: Conn, settings: dict[str, str]) -> None:
    number = str(add_alert(conn, AlertRow(host="gps1", acknowledged_by="bob")))

    done, again = (run("alerts", "unack", number, settings=settings) for _ in range(2))
    listed = run("alerts", "list", settings=settings)

    assert (done.returncode, done.stdout) == (0, f"alert {number}: given back by ada\n")
    assert (again.returncode, again.stdout) == (1, "")
    assert "nobody has offset_high" in again.stderr
    assert "bob" not in listed.stdout


def test_alert_when_silenced_then_the_list_says_until_when(
    conn: Conn, settings: dict[str, str]
) -> None:
    add_alert(conn, AlertRow(host="gps1"))

    done = run(
        "alerts", "silence", "--host", "gps1", "--for", "2h", "--why", "x", settings=settings
    )
    listed = run("alerts", "list", settings=settings)

    ends = done.stdout.rstrip().removesuffix(" UTC").rpartition(" to ")[2]
    assert f"{ends} UTC" in listed.stdout.splitlines()[1]


@pytest.fixture
def wrong_clock(settings: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The settings on a terminal that believes to be 400 days later."""
    clock = MovableClock(tmp_path / "clock")
    clock.move(400 * 86_400.0)
    return {**settings, **clock.settings}


def test_length_when_the_terminals_clock_is_wrong_then_an_acknowledgement_goes_by_the_databases(
    conn: Conn, wrong_clock: dict[str, str]
) -> None:
    number = str(add_alert(conn, AlertRow(host="gps1")))

    done = run("alerts", "ack", number, "--for", "8h", settings=wrong_clock)

    assert (done.returncode, done.stderr) == (0, "")
    assert conn.execute(
        "SELECT acknowledged_until_at - acknowledged_at BETWEEN '7:59' AND '8:00'"
        " FROM metrics.alert"
    ).fetchone() == (True,)


def test_length_when_the_terminals_clock_is_wrong_then_a_silence_goes_by_the_databases(
    conn: Conn, wrong_clock: dict[str, str]
) -> None:
    done = run(
        "alerts", "silence", "--host", "gps1", "--for", "2h", "--why", "x", settings=wrong_clock
    )
    listed = run("alerts", "silences", settings=wrong_clock)

    assert (done.returncode, done.stderr) == (0, "")
    assert listed.stdout.splitlines()[1].split()[:2] == ["1", "active"]
    assert conn.execute(
        "SELECT ends_at - starts_at = '2:00' AND abs(extract(epoch FROM now() - starts_at)) < 60"
        " FROM metrics.silence"
    ).fetchone() == (True,)


def test_list_when_there_are_more_alerts_then_says_how_many_and_how_to_see_them(
    conn: Conn, settings: dict[str, str]
) -> None:
    add_many(conn, "gps1", 203)

    first = run("alerts", "list", "--all", settings=settings)
    whole = run("alerts", "list", "--all", "--limit", "203", settings=settings)

    assert len(first.stdout.splitlines()) == 1 + 200
    assert first.stderr.startswith("3 more: --limit 203 shows them all")
    assert (len(whole.stdout.splitlines()), whole.stderr) == (1 + 203, "")


def test_silences_when_there_are_more_then_said(conn: Conn, settings: dict[str, str]) -> None:
    conn.execute(
        "INSERT INTO metrics.silence (code, starts_at, ends_at, reason, created_by)"
        " SELECT 'offset_high', now(), now() + interval '1 hour', 'x', 'ada'"
        " FROM generate_series(1, 201)"
    )

    listed = run("alerts", "silences", settings=settings)

    assert len(listed.stdout.splitlines()) == 1 + 200
    assert "there are more: /silences on the dashboard has them all" in listed.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("ack", "7"), 1, "ntp-checker: there is no alert 7"),
        (("ack", "x"), 2, "'x' is not a valid integer"),
        (("ack", "7", "--until", "tomorrow"), 2, "'tomorrow' is no moment"),
        (("ack", "7", "--for", "1h", "--until", "2026-01-02T03:04Z"), 2, "contradict each other"),
        (("silence", "--host", "gps1", "--why", "x"), 2, "an end is required"),
        (("silence", "--host", "gps1", "--for", "1h"), 2, "Missing option '--why'"),
        (("silence", "--for", "1h", "--why", "x"), 1, "say what is to be silent"),
        (("silence", "--host", "gsp1", "--for", "1h", "--why", "x"), 1, "no host 'gsp1'"),
        (("silence", "--host", "gps1", "--for", "2", "--why", "x"), 2, "'2' is no length of time"),
        (("unsilence", "7"), 1, "there is no silence 7"),
    ],
)
@pytest.mark.usefixtures("conn")
def test_action_when_it_can_not_be_done_then_why_and_no_traceback(
    settings: dict[str, str], arguments: tuple[str, ...], status: int, told: str
) -> None:
    done = run("alerts", *arguments, settings=settings)

    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("conn")
def test_silence_when_made_and_ended_then_the_list_has_it_and_not(
    settings: dict[str, str],
) -> None:
    made = run(
        "alerts", "silence", "--host", "gps1", "--code", "offset_high", "--for", "2h",
        "--why", "new [bold]antenna", "--by", "bob", settings=settings,
    )  # fmt: skip
    listed = run("alerts", "silences", settings=settings)
    ended = run("alerts", "unsilence", "1", settings=settings)

    assert made.stdout.startswith("silence 1: from "), made.stderr
    row = listed.stdout.splitlines()[1]
    assert row.split()[:4] == ["1", "active", "gps1", "offset_high"]
    assert "new [bold]antenna" in row
    assert ended.stdout == "silence 1: ended\n"
    left = run("alerts", "silences", settings=settings)
    assert left.stdout == "no silence holds or is to come\n"
