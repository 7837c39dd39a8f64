"""Daily partitions: the right UTC day whatever the zone, and no harm under locks."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ntp_checker.errors import StoreError
from ntp_checker.maintenance import maintain_once
from ntp_checker.store.pool import CheckerPool

Conn = psycopg.Connection[tuple[Any, ...]]

INSERT = (
    "INSERT INTO metrics.ntp_parent (host_id, slot_at, warning_bits, critical_bits, status)"
    " VALUES (1, %s, 0, 0, 0)"
)
MAINTAIN = "SELECT partition, action, outcome FROM metrics.maintain_partitions(%s, %s)"


def today() -> date:
    return datetime.now(UTC).date()


def name_of(day: date) -> str:
    return f"ntp_{day:%Y%m%d}"


def partitions(conn: Conn) -> set[str]:
    found = conn.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'metrics.ntp_parent'::regclass"
    )
    return {name.removeprefix("metrics.") for (name,) in found.fetchall()}


@pytest.mark.parametrize(
    ("slot_at", "partition"),
    [
        ("2031-03-30T23:59:59.999999Z", "ntp_20310330"),
        ("2031-03-31T00:00:00Z", "ntp_20310331"),
        ("2031-03-31T05:29:59.999999+05:30", "ntp_20310330"),
        ("2031-03-31T23:59:59.999999Z", "ntp_20310331"),
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "UTC"])
def test_row_around_utc_midnight_lies_in_its_utc_days_partition(
    conn: Conn, zone: str, slot_at: str, partition: str
) -> None:
    conn.execute("SELECT set_config('timezone', %s, false)", (zone,))
    for day in (30, 31):
        conn.execute("SELECT metrics.create_daily_partition(%s)", (date(2031, 3, day),))

    conn.execute(INSERT, (slot_at,))

    found = conn.execute("SELECT tableoid::regclass::text FROM metrics.ntp_parent").fetchall()
    assert found == [(f"metrics.{partition}",)]


def test_schema_when_just_made_takes_yesterdays_and_todays_slots(conn: Conn) -> None:
    for hours in (-24, 0, 24):
        conn.execute(INSERT, (datetime.now(UTC) + timedelta(hours=hours),))

    assert name_of(today() - timedelta(days=1)) in partitions(conn)


def test_create_daily_partition_when_it_is_there_says_false(conn: Conn) -> None:
    made = [
        conn.execute("SELECT metrics.create_daily_partition('2031-01-01')").fetchone()
        for _ in range(2)
    ]

    assert made == [(True,), (False,)]


def test_create_daily_partition_when_eight_do_it_at_once_is_made_by_one(
    database_url: str,
) -> None:
    made: list[Any] = []
    start = threading.Barrier(8)

    def make() -> None:
        with psycopg.connect(database_url, autocommit=True) as conn:
            start.wait()
            made.append(
                conn.execute("SELECT metrics.create_daily_partition('2031-01-01')").fetchone()
            )

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [(False,)] * 7 + [(True,)]


@pytest.mark.parametrize("day", [None, "infinity", "-infinity", "1969-12-31", "0044-03-15 BC"])
def test_create_daily_partition_of_no_real_day_refuses(conn: Conn, day: str | None) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="create_daily_partition"):
        conn.execute("SELECT metrics.create_daily_partition(%s::date)", (day,))


def test_create_daily_partition_over_a_table_of_that_name_refuses_and_names_it(
    conn: Conn,
) -> None:
    conn.execute("CREATE TABLE metrics.ntp_20310101 ()")

    with pytest.raises(psycopg.errors.DuplicateTable, match="ntp_20310101 exists"):
        conn.execute("SELECT metrics.create_daily_partition('2031-01-01')")


def test_create_daily_partition_does_not_wait_for_a_reader_or_a_writer(
    conn: Conn, database_url: str
) -> None:
    with psycopg.connect(database_url) as busy:
        busy.execute("SELECT count(*) FROM metrics.ntp_parent WHERE slot_at > '2000-01-01'")
        busy.execute(INSERT, (datetime.now(UTC),))

        conn.execute("SET statement_timeout = '3s'")
        made = conn.execute("SELECT metrics.create_daily_partition('2031-01-01')").fetchone()

    assert made == (True,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 1), "retention_days must be"),
        ((-1, 1), "retention_days must be"),
        ((None, 1), "retention_days must be"),
        ((2**31 - 1, 1), "retention_days must be"),
        ((1, -1), "premake_days must be"),
        ((1, None), "premake_days must be"),
    ],
)
def test_maintain_partitions_with_arguments_out_of_range_refuses_and_drops_nothing(
    conn: Conn, arguments: tuple[int | None, int | None], said: str
) -> None:
    conn.execute("SELECT metrics.create_daily_partition('2001-01-01')")

    with pytest.raises(psycopg.errors.InvalidParameterValue, match=said):
        conn.execute(MAINTAIN, arguments)

    assert "ntp_20010101" in partitions(conn)


def test_maintain_partitions_drops_what_ended_retention_days_ago_and_nothing_younger(
    conn: Conn,
) -> None:
    days = [today() - timedelta(days=back) for back in (30, 8, 7, 6)]
    for day in days:
        conn.execute("SELECT metrics.create_daily_partition(%s)", (day,))

    outcomes = conn.execute(MAINTAIN, (7, 0)).fetchall()

    dropped = {name for name, action, outcome in outcomes if action == "drop"}
    assert dropped == {name_of(days[0]), name_of(days[1])}
    assert {outcome for _, action, outcome in outcomes if action == "drop"} == {"dropped"}
    assert dropped.isdisjoint(partitions(conn))
    assert {name_of(days[2]), name_of(days[3])} <= partitions(conn)


def test_maintain_partitions_makes_days_ahead_once(conn: Conn) -> None:
    first = conn.execute(MAINTAIN, (90, 20)).fetchall()
    again = conn.execute(MAINTAIN, (90, 20)).fetchall()

    assert [name for name, *_ in first] == [
        name_of(today() + timedelta(days=ahead)) for ahead in range(21)
    ]
    assert [outcome for *_, outcome in first] == ["present"] * 15 + ["created"] * 6
    assert {outcome for *_, outcome in again} == {"present"}


@pytest.mark.parametrize(
    ("held", "busy"),
    [("metrics.ntp_20010101", {"ntp_20010101"}),
     ("metrics.ntp_parent", {"ntp_20010101", "ntp_20010102"})],
)  # fmt: skip
def test_maintain_partitions_when_a_reader_holds_a_lock_leaves_that_for_later(
    conn: Conn, database_url: str, held: str, busy: set[str]
) -> None:
    for day in ("2001-01-01", "2001-01-02"):
        conn.execute("SELECT metrics.create_daily_partition(%s)", (day,))
    with psycopg.connect(database_url) as reader:
        reader.execute(f"LOCK TABLE ONLY {held} IN ACCESS SHARE MODE".encode())
        outcomes = conn.execute(MAINTAIN, (7, 0)).fetchall()
        drops = {name: outcome for name, action, outcome in outcomes if action == "drop"}
        assert {name for name, outcome in drops.items() if outcome == "busy"} == busy
        assert drops.keys() == {"ntp_20010101", "ntp_20010102"}

    healed = conn.execute(MAINTAIN, (7, 0)).fetchall()

    assert {outcome for _, action, outcome in healed if action == "drop"} == {"dropped"}


def test_insert_behind_a_blocked_drop_waits_less_than_half_a_second(
    conn: Conn, database_url: str
) -> None:
    for day in range(1, 20):
        conn.execute("SELECT metrics.create_daily_partition(%s)", (date(2001, 1, day),))
    slowest = timedelta(0)
    finished = threading.Event()

    def maintain() -> None:
        with psycopg.connect(database_url, autocommit=True) as maintainer:
            maintainer.execute(MAINTAIN, (7, 0))
        finished.set()

    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM metrics.ntp_parent WHERE slot_at < '2001-01-10'")
        worker = threading.Thread(target=maintain)
        worker.start()
        start_at, number = datetime.now(UTC), 0
        while not finished.is_set():
            before = datetime.now(UTC)
            conn.execute(INSERT, (start_at + timedelta(microseconds=number),))
            slowest, number = max(slowest, datetime.now(UTC) - before), number + 1
        worker.join()

    assert number > 0
    assert slowest < timedelta(seconds=0.5)


def test_maintain_partitions_when_two_run_at_once_both_succeed(
    conn: Conn, database_url: str
) -> None:
    for day in range(1, 10):
        conn.execute("SELECT metrics.create_daily_partition(%s)", (date(2001, 1, day),))
    outcomes: list[tuple[str, str, str]] = []

    def maintain() -> None:
        with psycopg.connect(database_url, autocommit=True) as maintainer:
            outcomes.extend(maintainer.execute(MAINTAIN, (7, 20)).fetchall())

    threads = [threading.Thread(target=maintain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([o for *_, o in outcomes if o == "dropped"]) == 9
    assert len([o for *_, o in outcomes if o == "created"]) == 6
    assert {o for *_, o in outcomes} == {"dropped", "created", "present"}


def test_partition_has_the_parents_key_and_checks(conn: Conn) -> None:
    shape = """
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
         WHERE conrelid = %s::regclass AND conname <> 'slot_is_of_this_day' AND contype <> 'n'
         ORDER BY 1
    """
    parent = conn.execute(shape, ("metrics.ntp_parent",)).fetchall()

    assert len(parent) > 10
    assert conn.execute(shape, (f"metrics.{name_of(today())}",)).fetchall() == parent


def test_no_default_partition_hides_a_missing_day(conn: Conn) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        conn.execute(INSERT, ("2041-01-01Z",))


@pytest.mark.asyncio
async def test_maintenance_with_the_checkers_pool_makes_and_drops(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    conn.execute("SELECT metrics.create_daily_partition('2001-01-01')")

    outcomes = await maintain_once(checker_pool, retention_days=90, premake_days=16)

    assert [o.outcome for o in outcomes] == ["present"] * 15 + ["created"] * 2 + ["dropped"]
    assert "ntp_20010101" not in partitions(conn)


@pytest.mark.asyncio
async def test_maintenance_with_a_retention_of_zero_fails_with_the_reason(
    checker_pool: CheckerPool,
) -> None:
    with pytest.raises(StoreError, match="retention_days must be 1 to 36500, not 0"):
        await maintain_once(checker_pool, retention_days=0, premake_days=1)
