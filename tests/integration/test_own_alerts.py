"""What the checker finds wrong with itself, as alerts on host `*`."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.model import Judgement, ProblemCode, Route, Severity
from ntp_checker.own_alerts import Ourselves, advance_own
from ntp_checker.own_rounds import OwnRound
from ntp_checker.rules.judgements import judge_state
from ntp_checker.store.hosts import FLEET_ID
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import CheckerPool
from tests.stored_samples import Conn, slot

pytestmark = pytest.mark.asyncio

ROUTES = Alerting(routes=(Route(channels=("hook", "mail")),), interval_s=1.0)
BAD, GOOD = Severity.CRITICAL, None


def judgement(code: ProblemCode, severity: Severity | None, subject: str) -> Judgement:
    return judge_state(code, severity, "bad" if severity else "good", subject=subject)


def spool_rounds(
    *severities: Severity | None, owner: str = "one", first: int = 0
) -> list[OwnRound]:
    return [
        OwnRound(
            at=slot(first + number),
            judgements=(judgement(ProblemCode.SPOOL_BACKLOG, severity, owner),),
        )
        for number, severity in enumerate(severities)
    ]


async def hold(pool: CheckerPool, owner: str, host_id: int = FLEET_ID) -> None:
    async with pool.connection() as conn:
        await take_all(conn, owner, [host_id])


async def advance(
    pool: CheckerPool,
    rounds: list[OwnRound],
    owner: str = "one",
    channels: tuple[str, ...] = ("hook", "mail"),
) -> int:
    async with pool.connection() as conn, conn.transaction():
        return await advance_own(conn, rounds, Ourselves(owner=owner, channels=channels), ROUTES)


def alerts(conn: Conn) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT code, subject, state FROM metrics.alert ORDER BY code, subject, alert_id"
    ).fetchall()


def told(conn: Conn) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT event.transition, notification.channel FROM metrics.notification"
        " JOIN metrics.alert_event AS event USING (event_id)"
        " ORDER BY event.ordinal, notification.channel"
    ).fetchall()


async def test_backlog_when_bad_once_and_good_twice_is_opened_and_ended(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")

    queued = [await advance(checker_pool, [one]) for one in spool_rounds(BAD, BAD, GOOD, GOOD)]

    assert queued == [2, 0, 0, 2]
    assert alerts(conn) == [("spool_backlog", "one", "closed")]
    assert told(conn) == [
        ("opened", "hook"),
        ("opened", "mail"),
        ("resolved", "hook"),
        ("resolved", "mail"),
    ]


async def test_rounds_that_were_kept_while_the_database_was_away_open_and_end_it_at_once(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")

    await advance(checker_pool, spool_rounds(BAD, BAD, GOOD, GOOD))

    history = conn.execute(
        "SELECT transition, slot_at FROM metrics.alert_event ORDER BY ordinal"
    ).fetchall()
    assert history == [("opened", slot(0)), ("resolved", slot(3))]


async def test_rounds_when_written_again_tell_nothing_twice(checker_pool: CheckerPool) -> None:
    await hold(checker_pool, "one")

    queued = [await advance(checker_pool, spool_rounds(BAD, BAD)) for _ in range(2)]

    assert queued == [2, 0]


@pytest.mark.parametrize("code", [ProblemCode.OUTBOX_BACKLOG, ProblemCode.PARTITIONS_MISSING])
async def test_shared_code_when_another_has_the_lease_is_not_ours_to_judge(
    conn: Conn, checker_pool: CheckerPool, code: ProblemCode
) -> None:
    await hold(checker_pool, "two")
    rounds = [OwnRound(at=slot(n), judgements=(judgement(code, BAD, "one"),)) for n in range(3)]

    await advance(checker_pool, rounds)

    assert alerts(conn) == []


async def test_replicas_when_both_are_ill_have_an_alert_each(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")
    await hold(checker_pool, "two", host_id=7)

    for owner in ("one", "two"):
        await advance(checker_pool, spool_rounds(BAD, BAD, owner=owner), owner)

    assert alerts(conn) == [
        ("spool_backlog", "one", "open"),
        ("spool_backlog", "two", "open"),
    ]


async def test_replica_that_holds_no_lease_any_more_has_its_alerts_ended(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")
    await advance(checker_pool, spool_rounds(BAD))
    await hold(checker_pool, "two")

    await advance(checker_pool, spool_rounds(GOOD, owner="two", first=1), "two")

    assert alerts(conn) == [("spool_backlog", "one", "closed")]


async def test_dead_channel_is_told_by_the_others(conn: Conn, checker_pool: CheckerPool) -> None:
    await hold(checker_pool, "one")
    dead = judgement(ProblemCode.CHANNEL_DEAD, BAD, "hook")

    await advance(checker_pool, [OwnRound(at=slot(0), judgements=(dead,))])

    assert told(conn) == [("opened", "mail")]


async def test_channel_that_left_the_settings_has_its_alert_ended(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")
    dead = judgement(ProblemCode.CHANNEL_DEAD, BAD, "hook")
    await advance(checker_pool, [OwnRound(at=slot(0), judgements=(dead,))])

    await advance(checker_pool, spool_rounds(GOOD, first=1), channels=("mail",))

    assert alerts(conn) == [("channel_dead", "hook", "closed")]
    assert told(conn) == [("opened", "mail"), ("resolved", "mail")]


async def test_round_without_a_judgement_leaves_an_open_alert_as_it_is(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")
    await advance(checker_pool, spool_rounds(BAD))

    await advance(checker_pool, [OwnRound(at=slot(n), judgements=()) for n in range(1, 4)])

    assert alerts(conn) == [("spool_backlog", "one", "open")]


async def test_old_round_is_told_in_the_digest_of_what_happened_meanwhile(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")
    at: datetime = slot(0) - timedelta(hours=6)
    rounds = [OwnRound(at=at, judgements=spool_rounds(BAD)[0].judgements)]

    await advance(checker_pool, rounds)

    keys = conn.execute("SELECT DISTINCT group_key FROM metrics.notification").fetchall()
    assert keys == [("what happened meanwhile",)]


async def test_backlog_when_silenced_is_told_when_the_silence_ends(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await hold(checker_pool, "one")
    conn.execute(
        "INSERT INTO metrics.silence (starts_at, ends_at, reason, created_by)"
        " VALUES (clock_timestamp() - interval '1 h', clock_timestamp() + interval '1 h', 'x', 'y')"
    )
    await advance(checker_pool, spool_rounds(BAD))
    conn.execute("UPDATE metrics.silence SET cancelled_at = clock_timestamp(), cancelled_by = 'y'")

    queued = [await advance(checker_pool, spool_rounds(BAD, first=n)) for n in (1, 2)]

    assert queued == [2, 0]
    assert ("reminded", "mail") in told(conn)
