"""The outbox's rows: queued once, claimed by one, settled by who has the claim."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ntp_checker.model import AlertState, Notification, Transition, TransitionKind
from ntp_checker.store.notifications import (
    Claimed,
    claim,
    queue,
    read_told,
    release,
    settle_accepted,
    settle_given_up,
    settle_retry,
    store_message,
    suppress,
    waiting_ages_s,
)
from ntp_checker.store.pool import CheckerConnection, CheckerPool
from tests.stored_alerts import alert, compose_claimed, save, slot, tell, transition
from tests.stored_samples import Conn

pytestmark = pytest.mark.asyncio

Settle = Callable[[CheckerConnection, list[Claimed]], Awaitable[list[Claimed]]]


async def take(
    pool: CheckerPool, owner: str = "one", channel: str = "mail", **terms: Any
) -> list[Claimed]:
    async with pool.connection() as conn:
        return await claim(conn, owner, channel, **terms)


def rows(conn: Conn, columns: str = "state, attempts, error_kind") -> list[tuple[Any, ...]]:
    return conn.execute(
        f"SELECT {columns} FROM metrics.notification ORDER BY notification_id"  # noqa: S608
    ).fetchall()


def ids(claimed: list[Claimed]) -> set[object]:
    return {one.transition.event_id for one in claimed}


async def accept(conn: CheckerConnection, claimed: list[Claimed]) -> list[Claimed]:
    message = await compose_claimed(conn, claimed)
    await store_message(conn, claimed, message, ["ops@example.net"])
    return await settle_accepted(conn, claimed, message, "provider-1")


async def retry(conn: CheckerConnection, claimed: list[Claimed]) -> list[Claimed]:
    return await settle_retry(
        conn, claimed, message_id=None, error_kind="retry", error_text="busy", delay_s=0.0
    )


async def give_up(conn: CheckerConnection, claimed: list[Claimed]) -> list[Claimed]:
    return await settle_given_up(
        conn, claimed, message_id=None, error_kind="permanent", error_text="no such address"
    )


async def settle(pool: CheckerPool, claimed: list[Claimed], how: Settle) -> list[Claimed]:
    async with pool.connection() as conn, conn.transaction():
        return await how(conn, claimed)


async def requeue(pool: CheckerPool, told: list[Transition], **changed: Any) -> int:
    async with pool.connection() as conn:
        return await queue(
            conn,
            [
                Notification(
                    event_id=one.event_id, **{"channel": "mail", "group_key": "servers", **changed}
                )
                for one in told
            ],
        )


async def test_transition_is_queued_once_for_a_channel(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    told = await tell(checker_pool, 2)

    again = await requeue(checker_pool, told)

    assert (again, len(rows(conn))) == (0, 2)


async def test_claim_has_the_whole_group_with_its_transitions_and_alerts(
    checker_pool: CheckerPool,
) -> None:
    told = await tell(checker_pool, 3)
    await tell(checker_pool, 2, first=3, group_key="receivers")

    claimed = await take(checker_pool)

    assert {one.transition.event_id: one.transition for one in claimed} == {
        one.event_id: one for one in told
    }
    assert {one.alert.key for one in claimed} == {one.key for one in told}
    assert {(one.group_key, one.attempts, one.claim_epoch) for one in claimed} == {
        ("servers", 1, 1)
    }


async def test_claims_of_two_never_have_the_same(checker_pool: CheckerPool) -> None:
    told = await tell(checker_pool, 40, group_key=None)

    found = await asyncio.gather(*(take(checker_pool, f"owner{n}") for n in range(40)))

    claimed = [one.transition.event_id for group in found for one in group]
    assert len(claimed) == len(set(claimed))
    while more := await take(checker_pool):
        claimed += ids(more)
    assert sorted(claimed) == sorted(one.event_id for one in told)


async def test_group_is_never_split_between_two_that_claim_at_once(
    checker_pool: CheckerPool,
) -> None:
    for number in range(6):
        await tell(checker_pool, 50, first=50 * number, group_key=f"group{number}")

    found = await asyncio.gather(*(take(checker_pool, f"owner{n}") for n in range(12)))

    assert {len(group) for group in found} <= {0, 50}


async def test_group_beyond_the_limit_goes_in_pieces(checker_pool: CheckerPool) -> None:
    await tell(checker_pool, 5)

    assert [len(await take(checker_pool, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize(("age_s", "sizes"), [(290, [1, 1, 1, 0]), (310, [3, 0, 0, 0])])
async def test_what_is_late_for_five_minutes_shares_a_message_across_groups(
    conn: Conn, checker_pool: CheckerPool, age_s: int, sizes: list[int]
) -> None:
    await tell(checker_pool, 3, group_key=None)
    conn.execute(
        "UPDATE metrics.notification SET not_before_at = now() - make_interval(secs => %s)",
        [age_s],
    )

    assert [len(await take(checker_pool)) for _ in range(4)] == sizes


async def test_what_failed_goes_to_the_end_of_the_line(checker_pool: CheckerPool) -> None:
    await tell(checker_pool, 2, group_key=None)
    first = await take(checker_pool)
    await settle(checker_pool, first, retry)

    claimed = [await take(checker_pool), await take(checker_pool)]

    assert [ids(one) == ids(first) for one in claimed] == [False, True]


async def test_claim_of_another_channel_finds_nothing(checker_pool: CheckerPool) -> None:
    await tell(checker_pool, 1)

    assert await take(checker_pool, channel="pager") == []


async def test_deferred_notification_is_not_due(checker_pool: CheckerPool, conn: Conn) -> None:
    in_an_hour = conn.execute("SELECT now() + interval '1 hour'").fetchone()
    assert in_an_hour
    await tell(checker_pool, 1, not_before_at=in_an_hour[0])

    assert await take(checker_pool) == []


async def test_suppressed_notification_is_on_record_and_never_due(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1, suppressed_by="silence 7 of ada: upgrade")

    assert await take(checker_pool) == []
    assert rows(conn, "state, error_text, settled_at IS NOT NULL") == [
        ("suppressed", "silence 7 of ada: upgrade", True)
    ]


async def test_suppress_takes_back_what_waits_but_not_what_is_being_sent(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    told = await tell(checker_pool, 2, group_key=None)
    claimed = await take(checker_pool)

    async with checker_pool.connection() as held:
        taken_back = await suppress(held, [one.event_id for one in told], "it is over")

    assert taken_back == 1
    assert sorted(rows(conn, "state")) == [("claimed",), ("suppressed",)]
    assert await settle(checker_pool, claimed, accept) == []


async def test_claim_that_lapsed_can_be_claimed_again(checker_pool: CheckerPool) -> None:
    await tell(checker_pool, 2)
    first = await take(checker_pool, "one", claim_s=0.0)

    second = await take(checker_pool, "two")

    assert ids(second) == ids(first)
    assert {(one.attempts, one.claim_epoch) for one in second} == {(2, 2)}


@pytest.mark.parametrize("how", [accept, retry, give_up])
async def test_settling_a_claim_that_is_anothers_is_refused(
    conn: Conn, checker_pool: CheckerPool, how: Settle
) -> None:
    await tell(checker_pool, 2)
    paused = await take(checker_pool, "one", claim_s=0.0)
    await take(checker_pool, "two")

    refused = await settle(checker_pool, paused, how)

    assert refused == paused
    assert rows(conn, "state, claimed_by, claim_epoch") == [("claimed", "two", 2)] * 2


@pytest.mark.parametrize("how", [accept, retry, give_up])
async def test_settling_a_claim_that_lapsed_but_is_nobody_elses_holds(
    conn: Conn, checker_pool: CheckerPool, how: Settle
) -> None:
    await tell(checker_pool, 1)
    late = await take(checker_pool, "one", claim_s=0.0)

    assert await settle(checker_pool, late, how) == []
    assert rows(conn, "claimed_by, claimed_until_at") == [(None, None)]


async def test_message_of_a_lost_claim_is_told_before_it_is_sent(
    checker_pool: CheckerPool,
) -> None:
    await tell(checker_pool, 1)
    paused = await take(checker_pool, "one", claim_s=0.0)
    await take(checker_pool, "two")

    async with checker_pool.connection() as held, held.transaction():
        lost = await store_message(held, paused, await compose_claimed(held, paused), [])

    assert lost == paused


async def test_message_is_on_record_before_and_marked_after_the_answer(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)
    claimed = await take(checker_pool)
    columns = "channel, recipients, accepted_at IS NOT NULL, provider_answer"
    async with checker_pool.connection() as held, held.transaction():
        message = await compose_claimed(held, claimed)
        await store_message(held, claimed, message, ["ops@example.net"])
    before = conn.execute(f"SELECT {columns} FROM metrics.message").fetchall()  # noqa: S608

    async with checker_pool.connection() as held, held.transaction():
        await settle_accepted(held, claimed, message, "provider-1")

    after = conn.execute(f"SELECT {columns} FROM metrics.message").fetchall()  # noqa: S608
    assert before == [("mail", ["ops@example.net"], False, None)]
    assert after == [("mail", ["ops@example.net"], True, "provider-1")]
    assert rows(conn, "state, message_id") == [("accepted", message.message_id)]


async def test_message_that_is_tried_again_has_one_row(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)
    for _ in range(3):
        claimed = await take(checker_pool)
        async with checker_pool.connection() as held, held.transaction():
            message = await compose_claimed(held, claimed)
            await store_message(held, claimed, message, [])
            await settle_retry(
                held,
                claimed,
                message_id=message.message_id,
                error_kind="retry",
                error_text="busy",
                delay_s=0.0,
            )

    assert conn.execute("SELECT provider_answer FROM metrics.message").fetchall() == [("busy",)]
    assert rows(conn) == [("waiting", 3, "retry")]


async def test_retry_is_not_due_before_its_delay_is_over(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)
    claimed = await take(checker_pool)
    async with checker_pool.connection() as held:
        await settle_retry(
            held, claimed, message_id=None, error_kind="retry", error_text="busy", delay_s=60.0
        )

    assert await take(checker_pool) == []
    found = conn.execute(
        "SELECT extract(epoch FROM retry_at - clock_timestamp()) FROM metrics.notification"
    ).fetchone()
    assert found
    assert 50 < found[0] <= 60


async def test_given_up_is_a_dead_letter_that_says_why(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await tell(checker_pool, 1)

    await settle(checker_pool, await take(checker_pool), give_up)

    assert await take(checker_pool) == []
    assert rows(conn, "state, error_kind, error_text, settled_at IS NOT NULL") == [
        ("given_up", "permanent", "no such address", True)
    ]


async def test_release_frees_an_owners_own_claims_of_the_channel_only(
    checker_pool: CheckerPool,
) -> None:
    told = await tell(checker_pool, 2, group_key=None)
    await requeue(checker_pool, told[:1], channel="pager")
    own = await take(checker_pool, "one")
    await take(checker_pool, "two")
    await take(checker_pool, "one", channel="pager")

    async with checker_pool.connection() as held:
        assert await release(held, "one", "mail") == 1

    assert ids(await take(checker_pool, "one")) == ids(own)
    assert await take(checker_pool, "one") == []


async def test_waiting_ages_count_from_when_the_oldest_was_due(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    async with checker_pool.connection() as held:
        assert await waiting_ages_s(held) == {}
    now = conn.execute("SELECT clock_timestamp()").fetchone()
    assert now
    at: datetime = now[0]
    await tell(checker_pool, 1, not_before_at=at + timedelta(hours=1))
    await tell(checker_pool, 1, first=1, not_before_at=at - timedelta(seconds=90))
    await settle(checker_pool, await take(checker_pool), retry)

    async with checker_pool.connection() as held:
        ages_s = await waiting_ages_s(held)

    assert list(ages_s) == ["mail"]
    assert 90 <= ages_s["mail"] < 120


async def test_told_are_the_channels_that_heard_of_the_alert_before(
    checker_pool: CheckerPool,
) -> None:
    told = await tell(checker_pool, 1)
    later = slot(10_000_000)
    await requeue(checker_pool, told, channel="pager", not_before_at=later)
    await requeue(checker_pool, told, channel="quiet", suppressed_by="a silence")
    await requeue(checker_pool, told, channel="dead")
    await settle(checker_pool, await take(checker_pool), accept)
    await settle(checker_pool, await take(checker_pool, channel="dead"), give_up)
    of = alert("h0", last_ordinal=2)
    over = transition(of, TransitionKind.RESOLVED, 2)
    async with checker_pool.connection() as held, held.transaction():
        await save(held, [of], [over])

        found = await read_told(held, [over.event_id])

    assert {channel: one.until_at for channel, one in found[over.event_id].items()} == {
        "mail": None,
        "pager": later,
    }
    assert found[over.event_id]["pager"].group_key == "servers"


async def test_told_after_flapping_are_those_who_heard_that_it_began(
    checker_pool: CheckerPool,
) -> None:
    first = alert("h0", state=AlertState.CLOSED, closed_at=slot(4), last_ordinal=2)
    began = transition(first, TransitionKind.FLAPPING, 2)
    again = alert("h0", first_bad_slot_at=slot(10), last_slot_at=slot(14), last_ordinal=2)
    over = transition(again, TransitionKind.RESOLVED, 2)
    worse = transition(again, TransitionKind.WORSENED, 3)
    async with checker_pool.connection() as held, held.transaction():
        await save(held, [first], [began])
        await queue(held, [Notification(event_id=began.event_id, channel="mail", group_key="")])
        await save(held, [again], [over, worse])

        found = await read_told(held, [over.event_id, worse.event_id])

    assert found[over.event_id].keys() == {"mail"}
    assert found[worse.event_id] == {}
