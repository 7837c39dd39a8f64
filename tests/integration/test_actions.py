"""Acknowledging and silencing, against a writer that goes on."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ntp_checker.errors import ActionRefused
from ntp_checker.model import NewSilence, ProblemCode
from ntp_checker.store.acting import acting
from ntp_checker.store.actions import (
    SilenceState,
    acknowledge,
    create_silence,
    expire_silence,
    list_silences,
    unacknowledge,
)
from ntp_checker.store.pool import ActPool, CheckerPool, open_act_pool
from tests.alert_rows import AlertRow, add_alert
from tests.fleet_rows import FleetHost, add_host
from tests.integration.test_advances import look, told, write
from tests.made_alerts import CRITICAL_S, WARNING_S
from tests.stored_samples import Conn, slot, take, until

NOW = datetime.now(UTC)
LIMIT_S = 30.0


@pytest.fixture
def pool(database_url: str) -> Iterator[ActPool]:
    with open_act_pool(database_url) as opened:
        yield opened


def silence(**changed: Any) -> NewSilence:
    given: dict[str, Any] = {
        "starts_at": NOW,
        "ends_at": NOW + timedelta(hours=2),
        "reason": "new antenna",
        "created_by": "ada",
        "host": "h",
    }
    return NewSilence(**{**given, **changed})


def create(pool: ActPool, **changed: Any) -> int:
    with acting(pool, limit_s=LIMIT_S) as connection:
        return create_silence(connection, silence(**changed))


def states(pool: ActPool, at: datetime = NOW + timedelta(minutes=1)) -> list[SilenceState]:
    with acting(pool, limit_s=LIMIT_S) as connection:
        return [one.state for one in list_silences(connection, at, limit=100)]


@pytest.fixture
def roof(conn: Conn, pool: ActPool) -> ActPool:
    """A host "h" of the group "roof" is there."""
    add_host(conn, FleetHost(name="h"))
    conn.execute("UPDATE metrics.host SET group_name = 'roof'")
    return pool


def test_alert_when_acknowledged_then_it_and_its_transition_are_kept(
    conn: Conn, roof: ActPool
) -> None:
    alert_id = add_alert(conn, AlertRow(host="h"))
    until_at = NOW + timedelta(hours=8)

    with acting(roof, limit_s=LIMIT_S) as connection:
        event_id = acknowledge(connection, alert_id, by="ada", note="on my way", until_at=until_at)

    assert conn.execute(
        "SELECT acknowledged_by, acknowledged_note, acknowledged_until_at, last_ordinal, lease_epoch"
        " FROM metrics.alert"
    ).fetchone() == ("ada", "on my way", until_at, 2, 1)
    assert conn.execute(
        "SELECT event_id, reason FROM metrics.alert_event WHERE transition = 'acknowledged'"
    ).fetchone() == (
        event_id, f"taken on by ada until {until_at:%Y-%m-%d %H:%M} UTC: on my way",
    )  # fmt: skip


def test_alert_when_given_back_then_its_acknowledgement_is_past_and_its_transition_is_kept(
    conn: Conn, roof: ActPool
) -> None:
    alert_id = add_alert(conn, AlertRow(host="h", acknowledged_by="ada"))

    with acting(roof, limit_s=LIMIT_S) as connection:
        event_id = unacknowledge(connection, alert_id, by="bob")

    assert conn.execute(
        "SELECT acknowledged_by, acknowledged_until_at <= clock_timestamp() FROM metrics.alert"
    ).fetchone() == ("ada", True)
    assert conn.execute(
        "SELECT event_id, reason FROM metrics.alert_event WHERE transition = 'acknowledged'"
    ).fetchone() == (event_id, "given back by bob, reminders go on")


@pytest.mark.parametrize("number", [0, 1])
def test_alert_when_nobody_has_it_or_it_is_not_there_then_it_is_not_given_back(
    conn: Conn, roof: ActPool, number: int
) -> None:
    alert_id = add_alert(conn, AlertRow(host="h"))

    with (
        pytest.raises(ActionRefused, match=r"nobody has offset_high|there is no alert"),
        acting(roof, limit_s=LIMIT_S) as connection,
    ):
        unacknowledge(connection, alert_id + number, by="bob")


@pytest.mark.parametrize("state", ["closed", "pending"])
def test_alert_when_it_is_not_open_then_refused_and_nothing_changed(
    conn: Conn, roof: ActPool, state: str
) -> None:
    alert_id = add_alert(conn, AlertRow(host="h", state=state))

    with (
        pytest.raises(ActionRefused, match=r"only an open alert|there is no alert"),
        acting(roof, limit_s=LIMIT_S) as connection,
    ):
        acknowledge(connection, alert_id, by="ada")

    assert conn.execute("SELECT acknowledged_by FROM metrics.alert").fetchone() == (None,)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"by": ""}, "say who you are"),
        ({"note": "x" * 501}, "at most 500 characters"),
        ({"until_at": NOW - timedelta(minutes=1)}, "until is not within the next 366 days"),
        ({"until_at": NOW + timedelta(days=400)}, "until is not within the next 366 days"),
    ],
)
def test_acknowledgement_when_it_is_none_then_refused(
    conn: Conn, roof: ActPool, given: dict[str, Any], told: str
) -> None:
    alert_id = add_alert(conn, AlertRow(host="h"))

    with (
        pytest.raises(ActionRefused, match=told),
        acting(roof, limit_s=LIMIT_S) as connection,
    ):
        acknowledge(connection, alert_id, **{"by": "ada", **given})


@pytest.mark.asyncio
async def test_alert_when_acknowledged_while_the_writer_advances_it_then_both_are_kept(
    conn: Conn, checker_pool: CheckerPool, pool: ActPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, *(look(slot(n), WARNING_S) for n in range(3)))
    [(alert_id,)] = conn.execute("SELECT alert_id FROM metrics.alert").fetchall()

    with acting(pool, limit_s=LIMIT_S) as connection:
        acknowledge(connection, alert_id, by="ada")
        writing = asyncio.create_task(write(checker_pool, epoch, look(slot(3), WARNING_S)))
        await until(lambda: _waits_for_a_lock(conn))
    await writing

    assert conn.execute(
        "SELECT acknowledged_by, last_ordinal, bad_in_a_row FROM metrics.alert"
    ).fetchone() == ("ada", 2, 4)


@pytest.mark.asyncio
async def test_alert_when_it_worsens_while_it_is_acknowledged_then_both_are_on_record_in_turn(
    conn: Conn, checker_pool: CheckerPool, pool: ActPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, *(look(slot(n), WARNING_S) for n in range(3)))
    [(alert_id,)] = conn.execute("SELECT alert_id FROM metrics.alert").fetchall()

    def take_on() -> UUID:
        with acting(pool, limit_s=LIMIT_S) as connection:
            return acknowledge(connection, alert_id, by="ada")

    looks = [look(slot(n), CRITICAL_S) for n in range(3, 6)]
    _, event_id = await asyncio.gather(
        write(checker_pool, epoch, *looks), asyncio.to_thread(take_on)
    )

    ordinals = conn.execute(
        "SELECT transition, ordinal FROM metrics.alert_event ORDER BY ordinal"
    ).fetchall()
    assert {kind for kind, _ in ordinals} == {"opened", "worsened", "acknowledged"}
    assert [ordinal for _, ordinal in ordinals] == [1, 2, 3]
    # Whoever came last: worsening ends an acknowledgement, one after it holds.
    is_last = ordinals[-1][0] == "acknowledged"
    expected = "ada" if is_last else None
    assert conn.execute("SELECT acknowledged_by FROM metrics.alert").fetchone() == (expected,)
    assert isinstance(event_id, UUID)


@pytest.mark.asyncio
async def test_alert_when_it_worsens_after_it_was_acknowledged_then_told_again(
    conn: Conn, checker_pool: CheckerPool, pool: ActPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, *(look(slot(n), WARNING_S) for n in range(3)))
    [(alert_id,)] = conn.execute("SELECT alert_id FROM metrics.alert").fetchall()
    with acting(pool, limit_s=LIMIT_S) as connection:
        acknowledge(connection, alert_id, by="ada")

    await write(checker_pool, epoch, look(slot(3), CRITICAL_S))

    assert told(conn) == [("opened", "waiting"), ("worsened", "waiting")]
    assert conn.execute("SELECT acknowledged_by FROM metrics.alert").fetchone() == (None,)


def _waits_for_a_lock(conn: Conn) -> bool:
    found = conn.execute(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    ).fetchone()
    return found is not None


def test_silence_when_created_then_listed_as_it_was_made(roof: ActPool) -> None:
    silence_id = create(roof, code=ProblemCode.OFFSET_HIGH, subject="192.0.2.1")

    with acting(roof, limit_s=LIMIT_S) as connection:
        (one,) = list_silences(connection, NOW + timedelta(minutes=1), limit=10)

    assert (one.silence_id, one.state) == (silence_id, SilenceState.ACTIVE)
    assert (one.host, one.group, one.code, one.subject) == ("h", None, "offset_high", "192.0.2.1")
    assert (one.reason, one.created_by) == ("new antenna", "ada")
    assert (one.now_from_at, one.now_to_at) == (NOW, NOW + timedelta(hours=2))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"host": "g"}, "host"),
        ({"host": None, "group": "rof"}, "group"),
        ({"reason": ""}, "reason"),
    ],
)
def test_silence_when_it_would_be_of_nothing_then_refused(
    roof: ActPool, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(ActionRefused) as refused:
        create(roof, **changed)

    assert refused.value.field == field
    assert states(roof) == []


def test_silences_when_listed_then_what_holds_and_comes_before_what_is_over(roof: ActPool) -> None:
    ended = create(roof)
    create(roof, starts_at=NOW + timedelta(hours=1), group="roof", host=None)
    create(roof)
    with acting(roof, limit_s=LIMIT_S) as connection:
        expire_silence(connection, ended, by="bob")

    assert states(roof) == [SilenceState.ACTIVE, SilenceState.COMING, SilenceState.EXPIRED]
    assert states(roof, NOW + timedelta(hours=3)) == [SilenceState.EXPIRED] * 3


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (timedelta(minutes=1), SilenceState.ACTIVE),
        (timedelta(hours=3), SilenceState.COMING),
        (timedelta(days=7, minutes=1), SilenceState.ACTIVE),
        (timedelta(days=8), SilenceState.EXPIRED),
    ],
)
def test_silence_when_it_recurs_then_its_state_is_that_of_the_moment(
    roof: ActPool, after: timedelta, state: SilenceState
) -> None:
    create(roof, recurrence="FREQ=WEEKLY;COUNT=2", time_zone="UTC")

    assert states(roof, NOW + after) == [state]


def test_silence_when_ended_early_then_says_by_whom_and_not_twice(
    conn: Conn, roof: ActPool
) -> None:
    silence_id = create(roof)
    with acting(roof, limit_s=LIMIT_S) as connection:
        expire_silence(connection, silence_id, by="bob")

    assert conn.execute("SELECT cancelled_by FROM metrics.silence").fetchone() == ("bob",)
    with (
        pytest.raises(ActionRefused, match="is over already"),
        acting(roof, limit_s=LIMIT_S) as connection,
    ):
        expire_silence(connection, silence_id, by="eve")


def test_silence_when_there_is_none_of_this_number_then_refused(pool: ActPool) -> None:
    with (
        pytest.raises(ActionRefused, match="there is no silence 7") as refused,
        acting(pool, limit_s=LIMIT_S) as connection,
    ):
        expire_silence(connection, 7, by="eve")

    assert refused.value.is_unknown
