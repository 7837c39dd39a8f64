"""A clock that breaks while the database is away: mailed in time, once, and on record afterwards.

`make away` has the interval of 10 s and the minute of the defaults, and holds the mail to 90 s;
here it is NTP_CHECKER_AWAY_INTERVAL_S (1), and the database is away after six of them.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ntp_checker.resources import sql_path
from tests.acceptance.processes import Service, settings_for
from tests.moto_server import MotoServer, SentMail
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

INTERVAL_S = float(os.environ.get("NTP_CHECKER_AWAY_INTERVAL_S", "1"))
AWAY_S = 6 * INTERVAL_S
#: From the later of the two: database down, clock broken. Promised at 10 s.
PROMISED_S = 90.0
#: For a busy machine.
WAIT_S = 120.0 + 2 * AWAY_S
SENDER, RECIPIENT = "ntp@example.org", "ops@example.org"

pytestmark = pytest.mark.timeout(900)


@dataclass
class Watched:
    """A checker that watches two hosts, and all around it."""

    monitor: Service
    server: PostgresServer
    moto: MotoServer
    broken: RigHost
    quiet: RigHost

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url()) as conn:
            return conn.execute(query.encode(), values).fetchall()

    def mails(self, state: str, host: str) -> list[SentMail]:
        """Those on this host's clock that say this."""
        title = f"{state} [{host}] clock offset"
        return [sent for sent in self.moto.sent() if sent.mail["Subject"].startswith(title)]

    def wait_for_mail(self, state: str) -> SentMail:
        wait_until(lambda: self.mails(state, "broken"), f"a mail says {state}", timeout_s=WAIT_S)
        return self.mails(state, "broken")[0]

    def tellings(self, transition: str) -> list[SentMail]:
        """Those that tell this of the broken host's clock, alone or with what waited beside it."""
        events = self.rows(
            "SELECT event_id::text FROM metrics.alert_event JOIN metrics.host USING (host_id)"
            " WHERE host.name = 'broken' AND code = 'offset_high' AND transition = %s",
            transition,
        )
        told = self.moto.sent()
        return [sent for (event,) in events for sent in told if event in sent.part("plain")]

    def wait_until_all_is_told(self) -> None:
        """Until the alert is closed, and no notification waits."""
        closed = (
            "SELECT 1 FROM metrics.alert_event JOIN metrics.host USING (host_id)"
            " WHERE host.name = 'broken' AND code = 'offset_high' AND transition = 'resolved'"
        )
        waiting = "SELECT 1 FROM metrics.notification WHERE state IN ('waiting', 'claimed')"
        wait_until(lambda: self.rows(closed), "it is over in the database", timeout_s=WAIT_S)
        wait_until(lambda: not self.rows(waiting), "all is told", timeout_s=WAIT_S)

    def history(self) -> list[tuple[str, bool]]:
        """Of the broken host's clock each transition, and whether its mail went without."""
        return self.rows(
            "SELECT event.transition, message.sent_without_database"
            "  FROM metrics.alert_event AS event"
            "  JOIN metrics.host USING (host_id)"
            "  LEFT JOIN metrics.notification USING (event_id)"
            "  LEFT JOIN metrics.message USING (message_id)"
            " WHERE host.name = 'broken' AND event.code = 'offset_high'"
            " ORDER BY event.slot_at, event.ordinal"
        )


@pytest.fixture
def watched(rig: Rig, rig_host: Callable[..., RigHost], tmp_path: Path) -> Iterator[Watched]:
    """Both clocks are right, the second host is silenced, and the checker has heard of that."""
    server = PostgresServer()
    moto = MotoServer()
    try:
        applied = server.psql("postgres", "-q", "-f", sql_path("schema.sql"))
        assert applied.returncode == 0, applied.stderr
        moto.verify(SENDER)
        broken, quiet = rig_host(), rig_host()
        config = tmp_path / "config.yaml"
        config.write_text(
            f"hosts:\n  - {{name: broken, target: '{broken.target}', has_gps: 'no'}}\n"
            f"  - {{name: quiet, target: '{quiet.target}', has_gps: 'no'}}\n",
            encoding="ascii",
        )
        settings = settings_for(
            rig.env(),
            tmp_path,
            DATABASE_URL=server.url(),
            NTP_CHECKER_CONFIG=str(config),
            NTP_CHECKER_INTERVAL_S=f"{INTERVAL_S:g}",
            NTP_CHECKER_DATABASE_AWAY_S=f"{AWAY_S:g}",
            NTP_CHECKER_SES_FROM=SENDER,
            NTP_CHECKER_SES_TO=RECIPIENT,
            AWS_ENDPOINT_URL_SESV2=moto.url,
            AWS_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        )
        with Service("monitor", settings=settings) as monitor:
            found = Watched(monitor, server, moto, broken, quiet)
            _wait_for_looks(found, "sample ->> 'status' = 'ok'")
            found_at = _silence(server)
            _wait_for_looks(found, f"slot_at > '{found_at}'")
            yield found
    finally:
        moto.stop()
        server.stop()


def _wait_for_looks(watched: Watched, condition: str) -> None:
    query = f"SELECT count(*) FROM metrics.latest WHERE {condition}"  # noqa: S608 - this file's own
    wait_until(lambda: watched.rows(query) == [(2,)], condition, timeout_s=WAIT_S)


def _silence(server: PostgresServer) -> str:
    """When, by the database's clock."""
    with psycopg.connect(server.url()) as conn:
        found = conn.execute(
            "INSERT INTO metrics.silence (host_id, starts_at, ends_at, reason, created_by)"
            " SELECT host_id, clock_timestamp(), clock_timestamp() + interval '1 h', 'x', 'ana'"
            "   FROM metrics.host WHERE name = 'quiet' RETURNING starts_at::text"
        ).fetchone()
    assert found
    return str(found[0])


def _break_clocks(watched: Watched) -> None:
    for host in (watched.broken, watched.quiet):
        host.change_clock_offset(0.25)


def test_clock_that_breaks_with_the_database_stopped_is_mailed_in_time_and_once(
    watched: Watched,
) -> None:
    watched.server.kill()
    _break_clocks(watched)
    later_s = time.monotonic()
    opened = watched.wait_for_mail("CRITICAL")
    took_s = time.monotonic() - later_s
    mailed_of_quiet = watched.mails("CRITICAL", "quiet")
    watched.server.start()
    watched.monitor.wait_for("alerts are sent from it again", timeout_s=WAIT_S)
    watched.broken.change_clock_offset(0.0)
    resolved = watched.wait_for_mail("RESOLVED")
    watched.wait_until_all_is_told()

    print(f"interval {INTERVAL_S:g} s, away after {AWAY_S:g} s: mail after {took_s:.1f} s")
    assert "250 ms ahead, limit 50 ms" in opened.part("plain")
    assert len(watched.mails("CRITICAL", "broken")) == 1
    assert watched.history() == [("opened", True), ("resolved", False)]
    assert resolved.mail["References"] == opened.mail["References"]
    assert mailed_of_quiet == watched.mails("CRITICAL", "quiet") == []
    if INTERVAL_S == 10:
        assert took_s <= PROMISED_S


def test_checker_killed_while_the_database_is_frozen_goes_on_telling(watched: Watched) -> None:
    watched.server.freeze()
    try:
        _break_clocks(watched)
        opened = watched.wait_for_mail("CRITICAL")
        watched.monitor.kill()
        watched.monitor.start()
        watched.broken.change_clock_offset(0.0)
        resolved = watched.wait_for_mail("RESOLVED")
    finally:
        watched.server.thaw()
    watched.wait_until_all_is_told()

    assert resolved.mail["References"] == opened.mail["References"]
    # What was under way at the kill may have come twice.
    assert len(watched.mails("CRITICAL", "broken")) <= 2
    assert len(watched.mails("RESOLVED", "broken")) == 1
    assert watched.history() == [("opened", True), ("resolved", True)]
    assert watched.mails("CRITICAL", "quiet") == []


def test_database_that_flaps_while_a_clock_breaks_doubles_nothing(watched: Watched) -> None:
    watched.server.kill()
    _break_clocks(watched)
    for up_s in (0.5, 2.0, 1.0, 4.0, 0.2, 3.0):
        watched.server.start()
        deadline_s = time.monotonic() + up_s
        wait_until(lambda: time.monotonic() > deadline_s, "it was up", timeout_s=WAIT_S)  # noqa: B023 - asked at once
        watched.server.kill()
    # What an up-time was long enough to queue there, and too short to send, waits for the database.
    watched.server.start()
    wait_until(lambda: watched.tellings("opened"), "it is told", timeout_s=WAIT_S)
    watched.broken.change_clock_offset(0.0)
    wait_until(lambda: watched.tellings("resolved"), "its end is told", timeout_s=WAIT_S)
    watched.wait_until_all_is_told()

    assert len(watched.tellings("opened")) == 1
    assert len(watched.tellings("resolved")) == 1
    assert [transition for transition, _ in watched.history()] == ["opened", "resolved"]
    assert watched.mails("CRITICAL", "quiet") == []
