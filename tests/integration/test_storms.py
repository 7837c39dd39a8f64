"""Many at once: what a fleet that is lost sends, and that nothing of it is lost.

`make storms` does it with NTP_CHECKER_STORM_HOSTS (500) hosts at NTP_CHECKER_STORM_INTERVAL_S (10);
here it is 60 hosts at 2 s.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from ntp_checker.model import JudgedSample, ProblemCode, Severity
from ntp_checker.store.pool import CheckerPool
from tests.inbox import Inbox
from tests.made_alerts import judged, state
from tests.stored_samples import Conn, until
from tests.storm_fleet import (
    Look,
    StormFleet,
    figures,
    make_fleet,
    messages,
    percentiles,
    resident_bytes,
    seen,
    unseen,
)

HOSTS = int(os.environ.get("NTP_CHECKER_STORM_HOSTS", "60"))
INTERVAL_S = float(os.environ.get("NTP_CHECKER_STORM_INTERVAL_S", "2"))
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.timeout(120 + 40 * INTERVAL_S),
]

MakeFleet = Callable[..., Awaitable[StormFleet]]
WAITING = "SELECT 1 FROM metrics.notification WHERE state IN ('waiting', 'claimed')"
STATES = (
    "SELECT format('%s x %s', state, count(*)) FROM metrics.notification GROUP BY state ORDER BY 1"
)


@pytest_asyncio.fixture
async def fleet_of(
    checker_pool: CheckerPool, tmp_path: Path, inbox: Inbox
) -> AsyncIterator[MakeFleet]:
    made: list[StormFleet] = []

    async def make(hosts: int, *, interval_s: float = INTERVAL_S, groups: int = 3) -> StormFleet:
        fleet = await make_fleet(
            checker_pool, tmp_path, inbox, hosts=hosts, interval_s=interval_s, groups=groups
        )
        made.append(fleet)
        return fleet

    yield make
    for fleet in made:
        await fleet.spool.close()


def without(lost: int) -> Look:
    """The first `lost` hosts are not reached."""

    def look(host: str, at: datetime, _: int) -> JudgedSample:
        return unseen(host, at) if int(host[1:]) <= lost else seen(host, at)

    return look


async def settle(fleet: StormFleet, conn: Conn) -> None:
    """Until all is stored, and all that is due was sent."""
    await until(lambda: fleet.spool.depth == 0)
    due = f"{WAITING} AND not_before_at < clock_timestamp() + interval '1 min'"
    await until(lambda: not figures(conn, due))


def show(title: str, conn: Conn) -> list[tuple[str, str]]:
    """Prints and returns what was sent."""
    sent = messages(conn)
    print(f"\n=== {title}: {len(sent)} messages; {figures(conn, STATES)}")
    for _, body in sent:
        print(f"---\n{body[:2_500]}")
    return sent


async def test_part_of_a_fleet_when_lost_then_one_message_names_its_hosts(
    conn: Conn, fleet_of: MakeFleet
) -> None:
    fleet, lost = await fleet_of(HOSTS), HOSTS * 40 // 100

    async with fleet.running():
        await fleet.rounds(2, without(0))
        await fleet.rounds(4, without(lost))
        await settle(fleet, conn)

    [(title, text)] = show(f"{lost} of {HOSTS} lost", conn)
    assert f"{lost} alerts on {lost} hosts" in title
    assert "h0001" in text


async def test_fleet_when_lost_and_found_then_the_checker_says_so_and_nobody_else(
    conn: Conn, fleet_of: MakeFleet
) -> None:
    fleet = await fleet_of(HOSTS)

    async with fleet.running():
        await fleet.rounds(2, without(0))
        await fleet.rounds(5, without(HOSTS))
        held = figures(
            conn, "SELECT DISTINCT group_key FROM metrics.notification WHERE state = 'waiting'"
        )
        await fleet.rounds(6, without(0))
        await settle(fleet, conn)

    blind, sees = show(f"{HOSTS} of {HOSTS} lost for 5 looks", conn)
    assert held == [f"unseen by {fleet.spool.owner}"]
    assert "I can't see" in blind[1]
    assert sees[0].startswith("RESOLVED")
    assert figures(
        conn, "SELECT DISTINCT error_text FROM metrics.notification WHERE state = 'suppressed'"
    ) == ["the checker was blind"]


async def test_most_of_a_fleet_when_lost_for_long_then_the_hosts_follow_in_one_digest(
    conn: Conn, fleet_of: MakeFleet
) -> None:
    fleet, lost = await fleet_of(HOSTS), HOSTS * 95 // 100

    async with fleet.running():
        await fleet.rounds(2, without(0))
        await fleet.rounds(4, without(lost))
        await settle(fleet, conn)
        first = messages(conn)
        # The quarter of an hour, at once.
        conn.execute(
            "UPDATE metrics.notification SET not_before_at = clock_timestamp()"
            " WHERE state = 'waiting'"
        )
        await settle(fleet, conn)

    sent = show(f"{lost} of {HOSTS} lost for 15 minutes", conn)
    assert len(first) == 1
    assert "I can't see" in first[0][1]
    assert len(sent) == 2
    assert f"{lost} alerts on {lost} hosts" in sent[1][0]


async def test_most_of_a_fleet_when_some_stay_away_then_these_are_told_when_sight_is_steady(
    conn: Conn, fleet_of: MakeFleet
) -> None:
    fleet, away = await fleet_of(HOSTS), HOSTS // 5

    async with fleet.running():
        await fleet.rounds(2, without(0))
        await fleet.rounds(4, without(HOSTS))
        await fleet.rounds(6, without(away))
        await settle(fleet, conn)

    sent = show(f"{HOSTS} lost, {away} stay away", conn)
    [digest] = [title for title, _ in sent if f"{away} alerts on {away} hosts" in title]
    assert "host unreachable" in digest
    assert len(sent) == 3


@pytest.mark.parametrize("hosts", [2, 4])
async def test_small_fleet_when_all_of_it_is_lost_then_one_message_of_all(
    conn: Conn, fleet_of: MakeFleet, hosts: int
) -> None:
    fleet = await fleet_of(hosts, interval_s=2.0)

    async with fleet.running():
        await fleet.rounds(2, without(0))
        await fleet.rounds(4, without(hosts))
        await settle(fleet, conn)

    [(title, _)] = show(f"{hosts} of {hosts} lost", conn)
    assert f"{hosts} alerts on {hosts} hosts" in title


async def test_fleet_of_one_when_lost_then_it_alerts(conn: Conn, fleet_of: MakeFleet) -> None:
    fleet = await fleet_of(1, interval_s=1.0)

    async with fleet.running():
        await fleet.rounds(2, without(0))
        await fleet.rounds(3, without(1))
        await settle(fleet, conn)

    [(title, _)] = show("a fleet of one lost", conn)
    assert title == "CRITICAL [h0001] host unreachable"


_CODES = (
    ProblemCode.OFFSET_HIGH,
    ProblemCode.ERROR_BOUND_HIGH,
    ProblemCode.FREQUENCY_HIGH,
    ProblemCode.SKEW_HIGH,
    ProblemCode.FEW_SOURCES,
)


def five_alerts_open_and_close(host: str, at: datetime, round_: int) -> JudgedSample:
    """Bad for three looks, good for two."""
    severity = Severity.CRITICAL if round_ < 3 else None
    sample = seen(host, at).sample
    return judged(at, *(state(code, severity) for code in _CODES), sample=sample)


async def test_transitions_when_thousands_in_a_minute_then_each_is_told_and_no_slot_is_late(
    conn: Conn, fleet_of: MakeFleet, inbox: Inbox
) -> None:
    hosts = 2 * HOSTS
    fleet = await fleet_of(hosts)

    async with fleet.running():
        await fleet.rounds(2, without(0))
        before = resident_bytes()
        await fleet.rounds(5, five_alerts_open_and_close)
        await settle(fleet, conn)
        after = resident_bytes()

    events = {str(one) for one in figures(conn, "SELECT event_id FROM metrics.alert_event")}
    covered = {str(one) for one in inbox.event_ids}
    stored_late_s = [
        float(one)
        for one in figures(
            conn, "SELECT extract(epoch FROM noted_at - slot_at) FROM metrics.alert_event"
        )
    ]
    rows = figures(conn, "SELECT count(*) FROM metrics.ntp WHERE slot_at > '2026-01-01'")
    print(
        f"\n{len(events)} transitions of {hosts} hosts within {5 * INTERVAL_S:g} s, in "
        f"{len(inbox.arrived)} messages; looks behind their slots {percentiles(fleet.late_s)}; "
        f"stored behind their slots {percentiles(stored_late_s)} (median / p99 / most); "
        f"memory {before / 1e6:.0f} -> {after / 1e6:.0f} MB"
    )
    assert len(events) == hosts * len(_CODES) * 2
    assert covered == events
    assert rows == [hosts * 7]
    assert after - before < 50e6
