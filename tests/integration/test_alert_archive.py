"""Alerts that ended long ago go with all that was told of them; what holds stays."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from ntp_checker.maintenance import maintain_once
from ntp_checker.store.alert_archive import prune_alerts
from ntp_checker.store.pool import CheckerPool
from tests.alert_rows import AlertRow, NoticeRow, add_alert
from tests.stored_samples import Conn, take

pytestmark = pytest.mark.asyncio

EDGE_AT = datetime.now(UTC) - timedelta(days=30)
OLD_AT, YOUNG_AT = EDGE_AT - timedelta(hours=2), EDGE_AT + timedelta(hours=2)
OLD, YOUNG = OLD_AT - timedelta(hours=1), YOUNG_AT - timedelta(hours=1)


def closed(conn: Conn, subject: str, ended_at: datetime, *notices: NoticeRow) -> None:
    add_alert(
        conn,
        AlertRow(host="h", subject=subject, state="closed", began_at=ended_at),
        *(notices or (NoticeRow(),)),
    )
    conn.execute("UPDATE metrics.alert SET closed_at = %s WHERE subject = %s", (ended_at, subject))
    conn.execute("UPDATE metrics.message SET made_at = %s WHERE made_at > %s", (ended_at, YOUNG_AT))


def counts(conn: Conn, *tables: str) -> list[int]:
    found = []
    for table in tables:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("metrics", table))
        row = conn.execute(query).fetchone()
        assert row
        found.append(row[0])
    return found


async def prune(pool: CheckerPool) -> None:
    await maintain_once(pool, retention_days=90, premake_days=1, archive_days=30)


async def test_old_closed_alert_goes_with_its_events_notifications_and_messages(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await take(checker_pool, "h")
    closed(conn, "old", OLD_AT)
    closed(conn, "young", YOUNG_AT)

    await prune(checker_pool)

    assert conn.execute("SELECT subject FROM metrics.alert").fetchall() == [("young",)]
    assert counts(conn, "alert_event", "notification", "message") == [1, 1, 1]


async def test_open_alert_stays_with_what_was_told_however_old_it_is(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await take(checker_pool, "h")
    add_alert(conn, AlertRow(host="h", began_at=OLD_AT - timedelta(days=500)), NoticeRow())
    conn.execute("UPDATE metrics.message SET made_at = %s", (OLD_AT,))

    await prune(checker_pool)

    assert counts(conn, "alert", "alert_event", "notification", "message") == [1, 1, 1, 1]


async def test_batches_when_there_are_several_then_all_is_pruned_and_counted(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await take(checker_pool, "h")
    for number in range(5):
        closed(conn, f"old {number}", OLD_AT)

    async with checker_pool.connection() as held:
        pruned = await prune_alerts(held, archive_days=30, batch_rows=2)

    assert (pruned["alert"], pruned["notification"], pruned["message"]) == (5, 5, 5)
    assert counts(conn, "alert", "message") == [0, 0]


async def test_silences_go_once_they_are_over_or_were_cancelled_long_ago(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    rows = [
        ("once, old", OLD, OLD_AT, None, None),
        ("once, young", YOUNG, YOUNG_AT, None, None),
        ("cancelled", OLD, datetime.now(UTC) + timedelta(days=1), None, OLD_AT),
        (
            "over",
            OLD - timedelta(days=10),
            OLD_AT - timedelta(days=10),
            "FREQ=DAILY;COUNT=10",
            None,
        ),
        ("goes on", OLD, OLD_AT, "FREQ=WEEKLY;COUNT=50", None),
        ("not understood", OLD, OLD_AT, "FREQ=NEVER", None),
    ]
    for reason, starts_at, ends_at, rule, cancelled_at in rows:
        conn.execute(
            "INSERT INTO metrics.silence (starts_at, ends_at, recurrence, time_zone, reason,"
            " created_by, cancelled_at) VALUES (%s, %s, %s, %s, %s, 'me', %s)",
            (starts_at, ends_at, rule, rule and "Europe/Zurich", reason, cancelled_at),
        )

    await prune(checker_pool)

    left = conn.execute("SELECT reason FROM metrics.silence ORDER BY silence_id").fetchall()
    assert [reason for (reason,) in left] == ["once, young", "goes on", "not understood"]


async def test_tokens_go_once_they_lapsed_or_were_revoked_long_ago(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    for name, expires_at, revoked_at in (
        ("lapsed", OLD_AT, None),
        ("revoked", None, OLD_AT),
        ("revoked lately", None, YOUNG_AT),
        ("for ever", None, None),
    ):
        conn.execute(
            "INSERT INTO metrics.api_token (name, token_sha256, scope, created_by, expires_at,"
            " revoked_at) VALUES (%(name)s, sha256(%(name)s::text::bytea), 'read', 'me', %(ends)s,"
            " %(revoked)s)",
            {"name": name, "ends": expires_at, "revoked": revoked_at},
        )

    await prune(checker_pool)

    left = conn.execute("SELECT name FROM metrics.api_token ORDER BY token_id").fetchall()
    assert [name for (name,) in left] == ["revoked lately", "for ever"]
