"""No slot without a row: missed, dropped, and what was spooled before a restart."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ntp_checker.gaps import SlotLog, fill_since_last_run, spool_missed
from ntp_checker.model import Host
from ntp_checker.rollup import roll_up_all
from ntp_checker.schedule import Slots
from ntp_checker.store import spool_thinner
from ntp_checker.store.hosts import sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer
from tests.rollup_check import differing_buckets
from tests.sample_factory import judged_sample
from tests.stored_samples import Conn, rows, store

pytestmark = pytest.mark.asyncio

INTERVAL_S = 30.0
NOW = datetime.now(UTC)


def slots_of(host: str, from_at: datetime, to_at: datetime) -> list[datetime]:
    """Its slots after the one and before the other."""
    slots = Slots(host, INTERVAL_S)
    found = []
    at = slots.after(from_at)
    while at < to_at:
        found.append(at)
        at = slots.after(at)
    return found


async def watch(
    pool: CheckerPool, owner: str, *names: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Number and epoch of each."""
    async with pool.connection() as conn:
        ids = await sync_hosts(conn, [Host(name=name, address=name) for name in names])
        epochs = await take_all(conn, owner, ids.values())
    return ids, {name: epochs[ids[name]] for name in names}


def make_days(conn: Conn, days: int) -> None:
    for age in range(days + 1):
        conn.execute(
            "SELECT metrics.create_daily_partition(%s)", ((NOW - timedelta(days=age)).date(),)
        )


def been_watched_since(conn: Conn, at: datetime) -> None:
    conn.execute("UPDATE metrics.host SET added_at = %s", (at,))


async def test_checker_that_comes_back_fills_from_the_newest_row_to_its_first_slot(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    make_days(conn, 1)
    ids, epochs = await watch(checker_pool, spool.owner, "a", "b")
    been_watched_since(conn, NOW - timedelta(days=9))
    wanted = slots_of("a", NOW - timedelta(hours=3), NOW)
    await store(checker_pool, epochs["a"], *(judged_sample("a", at) for at in wanted[:20]))
    # What is in the spool alone is known, too.
    for at in wanted[20:25]:
        await spool.append(judged_sample("a", at), epochs["a"])

    filled = await fill_since_last_run(
        checker_pool, spool, ids, interval_s=INTERVAL_S, until={"a": wanted[-1], "b": NOW}
    )
    await Writer(spool, checker_pool).write_once()

    found = rows(conn, "slot_at, failure_kind")
    assert found == [(at, None if n < 25 else "missed") for n, at in enumerate(wanted[:-1])]
    assert (filled.slots, filled.new_hosts) == (len(wanted) - 26, {"b"})
    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(wanted[24],)]
    await roll_up_all(checker_pool)
    assert differing_buckets(conn) == []


async def test_gap_is_filled_once_and_for_24_hours_at_most(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    make_days(conn, 4)
    ids, epochs = await watch(checker_pool, spool.owner, "a")
    been_watched_since(conn, NOW - timedelta(days=9))
    await store(checker_pool, epochs["a"], judged_sample("a", NOW - timedelta(days=3)))

    for _ in range(2):
        await fill_since_last_run(checker_pool, spool, ids, interval_s=INTERVAL_S, until={"a": NOW})

    found = [at for at, kind in rows(conn, "slot_at, failure_kind") if kind == "missed"]
    assert found == slots_of("a", NOW - timedelta(hours=24), NOW)
    assert len(found) in (2879, 2880)


async def test_host_that_was_not_configured_has_no_gap(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    ids, epochs = await watch(checker_pool, spool.owner, "a")
    been_watched_since(conn, NOW - timedelta(days=9))
    await store(checker_pool, epochs["a"], judged_sample("a", NOW - timedelta(hours=5)))
    await watch(checker_pool, spool.owner, "b")
    await watch(checker_pool, spool.owner, "a", "b")

    filled = await fill_since_last_run(
        checker_pool, spool, ids, interval_s=INTERVAL_S, until={"a": NOW}
    )

    assert filled.slots == 0


async def test_long_gap_goes_in_pieces(
    conn: Conn, checker_pool: CheckerPool, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntp_checker.gaps.CHUNK_ROWS", 100)
    make_days(conn, 1)
    ids, epochs = await watch(checker_pool, spool.owner, "a", "b", "c")
    been_watched_since(conn, NOW - timedelta(days=9))
    begun_at = NOW - timedelta(hours=2)
    for name in ids:
        first = slots_of(name, begun_at, NOW)[0]
        await store(checker_pool, epochs[name], judged_sample(name, first))

    await fill_since_last_run(
        checker_pool, spool, ids, interval_s=INTERVAL_S, until=dict.fromkeys(ids, NOW)
    )

    found = [(host, at) for host, at in rows(conn, "host, slot_at")]
    assert found == [(name, at) for name in ids for at in slots_of(name, begun_at, NOW)]


async def test_overrun_look_costs_rows_that_say_missed(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    _, epochs = await watch(checker_pool, spool.owner, "a")
    wanted = slots_of("a", NOW - timedelta(minutes=5), NOW)
    log = SlotLog()

    for at in (wanted[0], wanted[1], wanted[6]):
        await spool_missed(spool, "a", log.begin("a", INTERVAL_S, at), epochs["a"])
        await spool.append(judged_sample("a", at), epochs["a"])
        log.note("a", at)
    await Writer(spool, checker_pool).write_once()

    kinds = [kind for _, kind in rows(conn, "slot_at, failure_kind")]
    assert kinds == [None, None, *["missed"] * 4, None]
    assert [at for at, *_ in rows(conn)] == wanted[:7]


async def test_slot_that_the_spool_could_not_take_is_missed_at_the_next() -> None:
    first, second, third = slots_of("a", NOW - timedelta(minutes=5), NOW)[:3]
    log = SlotLog()
    log.begin("a", INTERVAL_S, first)  # and no note: the append failed

    assert log.begin("a", INTERVAL_S, second) == [first]
    log.note("a", second)
    assert log.begin("a", INTERVAL_S, third) == []


async def test_other_rhythm_misses_no_slots_of_the_old_one() -> None:
    first = slots_of("a", NOW - timedelta(minutes=5), NOW)[0]
    log = SlotLog()
    log.begin("a", INTERVAL_S, first)
    log.note("a", first)

    assert log.begin("a", 1.0, first + timedelta(seconds=60)) == []


async def test_first_slot_when_asked_before_the_first_look_is_the_present_one() -> None:
    """Between the gap that is filled and the first look there is no hole."""
    slots = slots_of("a", NOW - timedelta(minutes=5), NOW)
    log = SlotLog()

    first = log.first_of("a", INTERVAL_S, slots[1] + timedelta(seconds=1))
    missed = log.begin("a", INTERVAL_S, slots[3])

    assert (first, missed) == (slots[1], [slots[1], slots[2]])


async def test_new_host_misses_nothing_before_its_first_look() -> None:
    slots = slots_of("a", NOW - timedelta(minutes=5), NOW)
    log = SlotLog()
    log.first_of("a", INTERVAL_S, slots[1] + timedelta(seconds=1))
    log.begin_anew("a")

    assert log.begin("a", INTERVAL_S, slots[2]) == []


async def test_rows_spooled_before_a_restart_are_still_their_owners(
    conn: Conn, checker_pool: CheckerPool, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.sqlite3")
    _, epochs = await watch(checker_pool, spool.owner, "a")
    await spool.note_epochs(epochs)
    await spool.append(judged_sample("a", NOW), epochs["a"])
    owner = spool.owner
    await spool.close()

    again = Spool(tmp_path / "spool.sqlite3")
    assert (again.owner, again.epochs) == (owner, epochs)
    await watch(checker_pool, again.owner, "a")
    await Writer(again, checker_pool).write_once()
    await again.close()

    assert conn.execute("SELECT slot_at FROM metrics.latest").fetchall() == [(NOW,)]


async def test_two_spools_are_two_owners(tmp_path: Path) -> None:
    spools = [Spool(tmp_path / name / "spool.sqlite3") for name in ("a", "b")]
    names = {spool.owner for spool in spools}
    for spool in spools:
        await spool.close()

    assert len(names) == 2
    assert all(name.startswith("checker-") and len(name) > 20 for name in names)


async def test_spool_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite3"
    spool = Spool(path)
    await spool.append(judged_sample("a", NOW), 1)
    await spool.close()
    with closing(sqlite3.connect(path)) as file:
        file.executescript("DROP TABLE owner; DROP TABLE lease; PRAGMA user_version = 1;")

    again = Spool(path)
    depth, owner = again.depth, again.owner
    await again.close()

    assert (depth, bool(owner)) == (1, True)


def kinds_by_host(conn: Conn, hosts: Sequence[str]) -> dict[str, Counter[str | None]]:
    found = rows(conn, "host, failure_kind")
    return {host: Counter(kind for name, kind in found if name == host) for host in hosts}


async def test_spool_that_is_nearly_full_thins_out_and_keeps_every_slot(
    conn: Conn, checker_pool: CheckerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_thinner, "PIECE_ROWS", 300)
    hosts = [f"h{n}" for n in range(5)]
    spool = Spool(tmp_path / "small.sqlite3", max_bytes=2_000_000)
    _, epochs = await watch(checker_pool, spool.owner, *hosts)
    slots = 400
    for n in range(slots):
        at = NOW - timedelta(seconds=slots - n)
        await spool.append_all([judged_sample(host, at) for host in hosts], epochs["h0"])

    assert spool.depth == slots * len(hosts)
    while spool.depth:
        await Writer(spool, checker_pool).write_once()
    await spool.close()

    by_host = kinds_by_host(conn, hosts)
    for host in hosts:
        kept, dropped = by_host[host][None], by_host[host]["dropped"]
        assert kept + dropped == slots
        assert dropped > 100
        assert kept > dropped / spool_thinner.KEEP_EVERY - 2
    # Each host's newest sample was no prey, so that what is true now is right.
    newest = conn.execute("SELECT DISTINCT slot_at FROM metrics.latest").fetchall()
    assert newest == [(NOW - timedelta(seconds=1),)]


async def test_thinning_goes_over_the_file_again_when_once_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_thinner, "PIECE_ROWS", 1_000)
    spool = Spool(tmp_path / "spool.sqlite3")
    await spool.append_all(
        [judged_sample("a", NOW + timedelta(seconds=n)) for n in range(1_000)], 1
    )

    dropped = [await spool._thinner.thin(1) for _ in range(5)]
    left = [row for row in await spool.read_uncommitted(2_000) if row.payload]
    await spool.close()

    assert dropped == [900, 0, 90, 0, 9]
    assert len(left) == 1
