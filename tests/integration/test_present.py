"""What is true now, and what changed: for the holder of the lease alone, and only forwards."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ntp_checker.cycle import RawKeeper
from ntp_checker.empty_slot import empty_slot
from ntp_checker.model import (
    Failure,
    FailureKind,
    JudgedSample,
    Part,
    RawText,
    Source,
    SourceMode,
    SourceState,
    Status,
)
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch
from tests.sample_factory import judged_sample, source
from tests.stored_samples import Conn, slot, store, take

pytestmark = pytest.mark.asyncio

SELECTED = source("192.0.2.1", mode=SourceMode.SERVER)
OTHER = source("192.0.2.2", mode=SourceMode.SERVER, state=SourceState.COMBINED)


def listed(number: int, *sources: Source) -> JudgedSample:
    return judged_sample("h", slot(number), sources=sources)


def changes(conn: Conn) -> list[tuple[Any, ...]]:
    """Slot's number, address, whether present, state, reach class; in that order."""
    rows = conn.execute(
        "SELECT slot_at, address, present, state, reach_class FROM metrics.source_change"
        " ORDER BY slot_at, address"
    ).fetchall()
    return [((row[0] - slot(0)) // timedelta(seconds=1), *row[1:]) for row in rows]


async def test_first_list_is_told_whole_and_then_only_what_changes(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")

    await store(checker_pool, epochs["h"], listed(0, SELECTED, OTHER), listed(1, SELECTED, OTHER))
    await store(checker_pool, epochs["h"], listed(2, SELECTED, replace(OTHER, reach=0o376)))
    await store(checker_pool, epochs["h"], listed(3, SELECTED, replace(OTHER, reach=0o370)))
    await store(checker_pool, epochs["h"], listed(4, replace(SELECTED, state=SourceState.JITTERY)))

    assert changes(conn) == [
        (0, "192.0.2.1", True, 0, 2),
        (0, "192.0.2.2", True, 1, 2),
        (3, "192.0.2.2", True, 1, 1),
        (4, "192.0.2.1", True, 5, 2),
        (4, "192.0.2.2", False, None, None),
    ]


async def test_list_that_could_not_be_had_changes_nothing(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    await store(checker_pool, epochs["h"], listed(0, SELECTED))

    await store(checker_pool, epochs["h"], judged_sample("h", slot(1), sources=None))
    await store(checker_pool, epochs["h"], listed(2, SELECTED))

    assert len(changes(conn)) == 1


async def test_list_that_is_empty_is_all_sources_gone(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    await store(checker_pool, epochs["h"], listed(0, SELECTED))

    await store(checker_pool, epochs["h"], listed(1))
    await store(checker_pool, epochs["h"], listed(2))

    assert changes(conn)[1:] == [(1, "192.0.2.1", False, None, None)]


async def test_changes_within_one_batch_are_told_in_slot_order(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    gone = [listed(number) for number in (1, 3)]
    back = [listed(number, SELECTED) for number in (0, 2)]

    await store(checker_pool, epochs["h"], *gone, *back)

    assert [(number, present) for number, _, present, *_ in changes(conn)] == [
        (0, True), (1, False), (2, True), (3, False)
    ]  # fmt: skip


async def test_late_list_tells_no_change(conn: Conn, checker_pool: CheckerPool) -> None:
    epochs = await take(checker_pool, "h")
    await store(checker_pool, epochs["h"], listed(0, SELECTED), listed(9, SELECTED))

    await store(checker_pool, epochs["h"], listed(5, OTHER))
    await store(checker_pool, epochs["h"], listed(10, SELECTED))

    assert len(changes(conn)) == 1


async def test_list_under_a_lost_lease_tells_no_change(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    old = await take(checker_pool, "h")
    await store(checker_pool, old["h"], listed(0, SELECTED))
    new = await take(checker_pool, "h", owner="checker-2")

    await store(checker_pool, old["h"], listed(1, OTHER))
    await store(checker_pool, new["h"], listed(2, SELECTED))

    assert len(changes(conn)) == 1
    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(slot(2),)]


async def test_reference_clocks_of_one_name_are_one_source_and_the_better_counts(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    bad = source("PPS", state=SourceState.UNUSABLE, reach=0)

    await store(checker_pool, epochs["h"], listed(0, bad, source("PPS")))

    assert changes(conn) == [(0, "PPS", True, 0, 2)]


@pytest.mark.parametrize("kind", [FailureKind.MISSED, FailureKind.DROPPED])
async def test_slot_that_nobody_looked_at_leaves_what_is_known(
    conn: Conn, checker_pool: CheckerPool, kind: FailureKind
) -> None:
    epochs = await take(checker_pool, "h")
    await store(checker_pool, epochs["h"], listed(0, SELECTED))

    await store(checker_pool, epochs["h"], empty_slot("h", slot(1), kind, "why"))

    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(slot(0),)]
    assert len(changes(conn)) == 1


def raw(at: datetime, text: str = "chrony") -> RawText:
    return RawText(taken_at=at, chrony_text=f"{text} at {at:%S}", gps_text=None)


def with_status(number: int, status: Status) -> JudgedSample:
    judged = judged_sample("h", slot(number))
    return replace(judged, verdict=replace(judged.verdict, status=status))


async def test_text_is_kept_once_a_minute_and_around_a_change(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    keeper = RawKeeper()
    statuses = [Status.OK] * 13 + [Status.WARNING] * 4
    carried = [
        keeper.added_to(with_status(10 * n, status), raw(slot(10 * n)))
        for n, status in enumerate(statuses)
    ]
    await store(checker_pool, epochs["h"], *carried)

    assert [n for n, judged in enumerate(carried) if judged.raw is not None] == [0, 6, 12, 13]
    assert [n for n, judged in enumerate(carried) if judged.evidence] == [0, 13]
    kept = conn.execute(
        "SELECT slot_at, part, raw_text FROM metrics.evidence ORDER BY slot_at"
    ).fetchall()
    assert kept == [(slot(n), 1, raw(slot(n)).chrony_text) for n in (0, 120, 130)]
    newest = conn.execute("SELECT taken_at, chrony_text FROM metrics.latest_raw").fetchall()
    assert newest == [(slot(130), raw(slot(130)).chrony_text)]


async def test_evidence_of_a_host_that_fell_away_is_its_last_text_and_the_reason(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epochs = await take(checker_pool, "h")
    keeper = RawKeeper()
    failure = Failure(
        part=Part.LOGIN, kind=FailureKind.UNREACHABLE, stage="connect", detail="no route to h"
    )
    lost = with_status(1, Status.UNKNOWN)
    lost = replace(lost, sample=replace(lost.sample, failures=(failure,), tracking=None))

    await store(
        checker_pool,
        epochs["h"],
        keeper.added_to(with_status(0, Status.OK), raw(slot(0))),
        keeper.added_to(lost, None),
    )

    kept = conn.execute(
        "SELECT slot_at, part, raw_text FROM metrics.evidence ORDER BY slot_at, part"
    ).fetchall()
    assert kept == [(slot(0), 1, raw(slot(0)).chrony_text), (slot(1), 0, "no route to h")]


async def test_text_of_a_late_or_fenced_off_sample_is_not_kept(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    old = await take(checker_pool, "h")
    new = await take(checker_pool, "h", owner="checker-2")
    await store(checker_pool, new["h"], listed(5, SELECTED))

    def with_all(number: int) -> JudgedSample:
        return RawKeeper().added_to(listed(number, SELECTED), raw(slot(number)))

    await store(checker_pool, new["h"], with_all(4))
    await store(checker_pool, old["h"], with_all(9))

    for table in ("latest_raw", "evidence"):
        count = conn.execute(f"SELECT count(*) FROM metrics.{table}").fetchone()  # noqa: S608
        assert count == (0,)


async def test_lease_is_not_taken_in_the_middle_of_its_holders_batch(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    """Whoever takes it waits for the batch; whoever writes after that writes the sample alone."""
    epochs = await take(checker_pool, "h")
    (host_id,) = conn.execute("SELECT host_id FROM metrics.lease").fetchone() or (0,)
    async with checker_pool.connection() as holder, checker_pool.connection() as taker:
        async with holder.transaction():
            rows = [WriterRow(lease_epoch=epochs["h"], judged=listed(1, SELECTED))]
            await write_batch(holder, rows)
            await taker.execute("SET lock_timeout = '200ms'")
            with pytest.raises(Exception, match="lock timeout"):
                await take_all(taker, "checker-2", [host_id])
        taken = await take_all(taker, "checker-2", [host_id])
        await taker.execute("RESET lock_timeout")

        await store(checker_pool, epochs["h"], listed(2, OTHER))

    assert taken == {host_id: epochs["h"] + 1}
    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(slot(1),)]
    assert len(changes(conn)) == 1
    assert conn.execute("SELECT count(*) FROM metrics.ntp_parent").fetchone() == (2,)


async def test_batches_of_one_owner_at_once_leave_the_newest_and_each_change_once(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    """A killed checker's last batch may still be under way when the next one starts."""
    epochs = await take(checker_pool, "h")
    batches = [
        [listed(n, SELECTED if n % 20 < 10 else OTHER) for n in range(start, 40, 4)]
        for start in range(4)
    ]

    await asyncio.gather(*(store(checker_pool, epochs["h"], *batch) for batch in batches))

    told = changes(conn)
    assert conn.execute("SELECT count(*) FROM metrics.ntp_parent").fetchone() == (40,)
    # What is told last is what is true: no batch wrote over a newer one.
    now = {address: present for _, address, present, *_ in told}
    assert now == {"192.0.2.1": False, "192.0.2.2": True}
    found = conn.execute("SELECT slot_at, known_sources FROM metrics.latest").fetchall()
    assert [at for at, _ in found] == [slot(39)]
    assert "192.0.2.2" in found[0][1]
    assert "192.0.2.1" not in found[0][1]


async def test_same_owner_after_a_restart_keeps_its_epoch(checker_pool: CheckerPool) -> None:
    before = await take(checker_pool, "h", owner="checker-a")

    again = await take(checker_pool, "h", owner="checker-a")
    other = await take(checker_pool, "h", owner="checker-b")
    back = await take(checker_pool, "h", owner="checker-a")

    assert (before["h"], again["h"], other["h"], back["h"]) == (1, 1, 2, 3)
