"""When it was still good, as an alert that opens knows it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.model import (
    FailureKind,
    GpsMode,
    JudgedSample,
    Limits,
    Part,
    ProblemCode,
    Sample,
    SourceState,
)
from ntp_checker.rules.verdict import judge
from ntp_checker.store.alerts import StorableAdvance, read_live, store_advances
from ntp_checker.store.hosts import host_ids
from ntp_checker.store.last_good import LOOK_BACK
from ntp_checker.store.partitions import create_days
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch
from tests.made_samples import (
    SAMPLE,
    TRACKING,
    gps_report,
    with_failure,
    with_gps,
    with_source,
    with_tracking,
)
from tests.stored_samples import Conn, slot, take

pytestmark = pytest.mark.asyncio

AHEAD = with_tracking(system_offset_s=0.25)
UNSET = with_tracking(stratum=0, ref_time=None)
MISSED = with_failure(Part.LOGIN, FailureKind.MISSED, detail="nobody looked")
UNREACHABLE = with_failure(Part.LOGIN, FailureKind.UNREACHABLE, detail="no route")
NO_TRACKING = with_failure(Part.TRACKING, FailureKind.DEADLINE, detail="too late")


def at(number: int, sample: Sample) -> JudgedSample:
    """Judged as every look is."""
    moment_at = slot(number)
    moved = replace(sample, host="h", slot_at=moment_at, taken_at=moment_at)
    if moved.tracking is not None:
        moved = replace(moved, host_time_at=TRACKING.ref_time)
    return JudgedSample(sample=moved, verdict=judge(moved, Limits(), 30.0))


async def write(pool: CheckerPool, *samples: Sample, first: int = 0) -> None:
    """A slot each."""
    epoch = (await take(pool, "h"))["h"]
    async with pool.connection() as held:
        looks = [at(first + number, sample) for number, sample in enumerate(samples)]
        rows = [WriterRow(lease_epoch=epoch, judged=one) for one in looks]
        await write_batch(held, rows, Alerting(interval_s=1.0))


def last_good(conn: Conn, code: ProblemCode) -> datetime | None:
    row = conn.execute(
        "SELECT last_good_slot_at FROM metrics.alert WHERE code = %s AND opened_at IS NOT NULL",
        [code],
    ).fetchone()
    assert row is not None
    found: datetime | None = row[0]
    return found


@pytest.mark.parametrize(
    ("code", "bad"),
    [
        (ProblemCode.OFFSET_HIGH, AHEAD),
        (ProblemCode.UNSYNCHRONISED, UNSET),
        (ProblemCode.FALSETICKER, with_source(state=SourceState.FALSETICKER)),
        (ProblemCode.GPS_NO_FIX, with_gps(gps_report(mode=GpsMode.NO_FIX))),
        (ProblemCode.HOST_UNREACHABLE, UNREACHABLE),
        (ProblemCode.PROBE_FAILED, NO_TRACKING),
    ],
)
async def test_last_good_when_an_alert_opens_then_the_slot_before_it(
    conn: Conn, checker_pool: CheckerPool, code: ProblemCode, bad: Sample
) -> None:
    good = with_gps(gps_report())

    await write(checker_pool, good, good, bad, bad, bad)

    assert last_good(conn, code) == slot(1)


@pytest.mark.parametrize("unknown", [MISSED, UNREACHABLE, NO_TRACKING, UNSET])
async def test_last_good_when_the_rule_had_no_data_then_the_slot_before_that(
    conn: Conn, checker_pool: CheckerPool, unknown: Sample
) -> None:
    await write(checker_pool, SAMPLE, unknown, AHEAD, AHEAD, AHEAD)

    assert last_good(conn, ProblemCode.OFFSET_HIGH) == slot(0)


async def test_last_good_when_there_is_no_earlier_look_then_unknown(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await write(checker_pool, AHEAD, AHEAD, AHEAD)

    assert last_good(conn, ProblemCode.OFFSET_HIGH) is None


async def test_last_good_when_it_was_two_days_ago_then_unknown(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    long_ago = -2 * int(LOOK_BACK / timedelta(seconds=1))
    async with checker_pool.connection() as held:
        await create_days(held, {slot(long_ago).date()})
    await write(checker_pool, SAMPLE, first=long_ago)
    await write(checker_pool, AHEAD, AHEAD, AHEAD)

    assert last_good(conn, ProblemCode.OFFSET_HIGH) is None


async def test_last_good_when_the_alert_goes_on_then_it_stays(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await write(checker_pool, SAMPLE, AHEAD, AHEAD, AHEAD)
    await write(checker_pool, AHEAD, AHEAD, first=4)

    assert last_good(conn, ProblemCode.OFFSET_HIGH) == slot(0)


async def test_last_good_when_known_then_a_copy_without_it_does_not_take_it_away(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await write(checker_pool, SAMPLE, AHEAD, AHEAD, AHEAD)
    async with checker_pool.connection() as held, held.transaction():
        [host_id] = (await host_ids(held, ["h"])).values()
        live = (await read_live(held, [host_id], closed_since_at=slot(0)))[host_id].live
        copies = [replace(one, last_good_slot_at=None) for one in live.values()]
        await store_advances(
            held,
            [StorableAdvance(host_id=host_id, lease_epoch=1, alerts=copies, transitions=[])],
        )

    assert last_good(conn, ProblemCode.OFFSET_HIGH) == slot(0)
