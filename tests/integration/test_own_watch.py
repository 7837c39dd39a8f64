"""What is wrong with the checker itself, brought about on real parts, and its end."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from ntp_checker.checker import Checker
from ntp_checker.errors import StoreError
from ntp_checker.model import ProblemCode, Severity
from ntp_checker.own_watch import OwnWatch
from ntp_checker.resources import sql_path
from ntp_checker.rules.judgements import judge_state
from tests.outboxes import count, running
from tests.own_checkers import IMPATIENT, history, opened, rounds
from tests.postgres import PostgresServer
from tests.sample_factory import judged_sample
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio


async def write_all(checker: Checker) -> bool:
    """True once the database has all samples; it may just be coming up."""
    with suppress(StoreError):
        await checker.writer.write_once()
    return checker.spool.depth == 0


async def test_well_checker_has_no_alert(conn: Conn, database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as checker:
        await rounds(OwnWatch(checker), 3)

    assert history(conn) == []


async def test_database_that_is_away_is_an_error_in_the_log_and_an_alert_afterwards(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    url = own_postgres.url()
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    async with opened(url, tmp_path) as checker:
        watch = OwnWatch(checker, limits=IMPATIENT)
        own_postgres.kill()
        await checker.spool.append(judged_sample("h", checker.clock.now()), 1)
        with capture_logs() as logs:
            await rounds(watch, 2)
        own_postgres.start()
        await until(lambda: write_all(checker))
        await rounds(watch, 2)

        with psycopg.connect(url) as conn:
            found = history(conn)
            reasons = conn.execute(
                "SELECT reason FROM metrics.alert_event ORDER BY ordinal"
            ).fetchall()

    [said] = [entry for entry in logs if entry["log_level"] == "error"]
    assert said["code"] == "spool_backlog"
    assert said["reason"].startswith("the database is away: the oldest of 1 samples has waited")
    assert found == [("spool_backlog", "opened"), ("spool_backlog", "resolved")]
    assert reasons == [(said["reason"],), ("good again: no sample waits in the spool",)]


async def test_outbox_that_nobody_empties_is_an_alert_until_it_is_emptied(
    conn: Conn, database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as checker:
        watch = OwnWatch(checker, limits=IMPATIENT)
        await tell(checker.pool, 1, channel="left")
        await rounds(watch, 2)
        async with running(checker.outbox):
            await until(lambda: count(conn, "waiting") == 0)
        await rounds(watch, 2)

    assert history(conn) == [("outbox_backlog", "opened"), ("outbox_backlog", "resolved")]


async def test_partitions_that_are_missing_are_an_alert_until_they_are_made(
    conn: Conn, database_url: str, tmp_path: Path
) -> None:
    tomorrow = f"metrics.ntp_{datetime.now(UTC) + timedelta(days=1):%Y%m%d}"
    async with opened(database_url, tmp_path) as checker:
        watch = OwnWatch(checker)
        conn.execute(f"ALTER TABLE metrics.ntp_parent DETACH PARTITION {tomorrow}".encode())
        await rounds(watch, 2)
        conn.execute(f"DROP TABLE {tomorrow}".encode())
        conn.execute("SELECT metrics.maintain_partitions(90, 14)")
        await rounds(watch, 2)

    assert history(conn) == [("partitions_missing", "opened"), ("partitions_missing", "resolved")]


async def test_further_judgements_are_taken_into_alerts_like_our_own(
    conn: Conn, database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as checker:
        blind = judge_state(
            ProblemCode.CHECKER_BLIND, Severity.CRITICAL, "no host", subject=checker.spool.owner
        )
        await rounds(OwnWatch(checker, judge_more=[lambda: [blind]]), 1)

    assert history(conn) == [("checker_blind", "opened")]
