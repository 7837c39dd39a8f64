"""Hours of a route: what waits for them, what does not, in the database and without it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.heard import OVERTAKEN
from ntp_checker.model import Hours, JudgedSample, Route
from ntp_checker.notes import NOTHING_TOLD, HandOver, NoteState
from ntp_checker.standby.fleet import Fleet
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer, WriterRow, write_batch
from tests.made_alerts import CRITICAL_S, GOOD_S, WARNING_S, judged, offset
from tests.made_samples import SAMPLE
from tests.stored_samples import Conn, slot, take

pytestmark = pytest.mark.asyncio

#: What is told: the transition, its state, and whether it waits for the hours.
Told = tuple[str, str, bool]

OPEN_IN = timedelta(hours=5)
GOES, WAITS = ("waiting", False), ("waiting", True)
WARNINGS, CRITICALS, GOODS = [WARNING_S] * 3, [CRITICAL_S] * 3, [GOOD_S] * 2


def by_day() -> Alerting:
    """It is out of hours now, for some five hours."""
    opens_at = (datetime.now(UTC) + OPEN_IN).replace(second=0, microsecond=0)
    hours = Hours(
        weekdays=frozenset(range(7)),
        begins=opens_at.time(),
        ends=(opens_at + timedelta(hours=2)).time(),
        zone=ZoneInfo("UTC"),
    )
    return Alerting(routes=(Route(channels=("mail",), hours=hours),), interval_s=1.0)


def looks(sizes_s: Sequence[float], *, first: int = 0) -> list[JudgedSample]:
    return [
        judged(slot(n), offset(size_s), sample=replace(SAMPLE, host="h", taken_at=slot(n)))
        for n, size_s in enumerate(sizes_s, first)
    ]


async def write(
    pool: CheckerPool,
    epoch: int,
    samples: Sequence[JudgedSample],
    handed: HandOver = NOTHING_TOLD,
) -> None:
    rows = [WriterRow(lease_epoch=epoch, judged=one) for one in samples]
    async with pool.connection() as held:
        await write_batch(held, rows, by_day(), handed)


def told(conn: Conn) -> list[Told]:
    return conn.execute(
        "SELECT event.transition, notification.state,"
        "       notification.state = 'waiting'"
        "       AND notification.not_before_at > clock_timestamp() + interval '1 h'"
        "  FROM metrics.notification JOIN metrics.alert_event AS event USING (event_id)"
        " ORDER BY event.ordinal"
    ).fetchall()


def accept(conn: Conn, *, all_of_them: bool = False) -> None:
    """The provider took what is due, or what was due by day."""
    conn.execute(
        "UPDATE metrics.notification SET state = 'accepted', settled_at = clock_timestamp(),"
        " not_before_at = least(not_before_at, clock_timestamp())"
        " WHERE state = 'waiting' AND (not_before_at <= clock_timestamp() OR %s)",
        (all_of_them,),
    )


async def test_critical_of_the_night_when_it_ends_then_told_at_once(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, looks(WARNINGS))
    before = told(conn)
    await write(checker_pool, epoch, looks([CRITICAL_S], first=3))
    accept(conn)
    await write(checker_pool, epoch, looks(GOODS, first=4))

    assert before == [("opened", *WAITS)]
    assert told(conn) == [
        ("opened", "suppressed", False),
        ("worsened", "accepted", False),
        ("resolved", *GOES),
    ]
    reasons = conn.execute(
        "SELECT error_text FROM metrics.notification WHERE state = 'suppressed'"
    ).fetchall()
    assert reasons == [(OVERTAKEN,)]


async def test_critical_of_the_night_when_it_is_a_warning_again_then_both_ends_at_once(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, looks(CRITICALS))
    accept(conn)
    await write(checker_pool, epoch, looks([WARNING_S, WARNING_S], first=3))
    accept(conn)
    await write(checker_pool, epoch, looks(GOODS, first=5))

    assert told(conn) == [
        ("opened", "accepted", False), ("eased", "accepted", False), ("resolved", *GOES),
    ]  # fmt: skip


async def test_warning_of_the_day_when_it_ends_at_night_then_told_in_the_morning(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, looks(WARNINGS))
    accept(conn, all_of_them=True)
    await write(checker_pool, epoch, looks(GOODS, first=3))

    assert told(conn) == [("opened", "accepted", False), ("resolved", *WAITS)]


async def test_warning_of_the_night_when_it_ends_then_both_in_one_message(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, epoch, looks([*WARNINGS, *GOODS]))

    assert told(conn) == [("opened", *WAITS), ("resolved", *WAITS)]
    moments = conn.execute(
        "SELECT DISTINCT group_key, not_before_at FROM metrics.notification"
    ).fetchall()
    assert len(moments) == 1


#: Looks in batches, and what is told of them at night where a provider takes all at once.
NIGHTS = [
    ([WARNINGS, GOODS], [("opened", *WAITS), ("resolved", *WAITS)]),
    ([CRITICALS, GOODS], [("opened", *GOES), ("resolved", *GOES)]),
    (
        [WARNINGS, [CRITICAL_S], GOODS],
        [("opened", "suppressed", False), ("worsened", *GOES), ("resolved", *GOES)],
    ),
    (
        [WARNINGS, [CRITICAL_S], [WARNING_S, WARNING_S], GOODS],
        [
            ("opened", "suppressed", False),
            ("worsened", *GOES),
            ("eased", *GOES),
            ("resolved", *GOES),
        ],
    ),
]


@pytest.mark.parametrize(("batches", "expected"), NIGHTS)
@pytest.mark.parametrize("is_one_batch", [False, True])
async def test_night_when_it_is_told_from_the_database_then_so(
    conn: Conn,
    checker_pool: CheckerPool,
    batches: list[list[float]],
    expected: list[Told],
    is_one_batch: bool,
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    samples = looks(list(chain(*batches)))
    sizes = [len(samples)] if is_one_batch else [len(batch) for batch in batches]
    for size in sizes:
        await write(checker_pool, epoch, samples[:size])
        del samples[:size]

    assert told(conn) == expected


@pytest.mark.parametrize(("batches", "expected"), NIGHTS)
@pytest.mark.parametrize("known_batches", [0, 1])
async def test_night_when_it_is_told_without_the_database_from_some_moment_on_then_the_same(
    conn: Conn,
    checker_pool: CheckerPool,
    spool: Spool,
    batches: list[list[float]],
    expected: list[Told],
    known_batches: int,
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    samples = looks(list(chain(*batches)))
    begin = sum(map(len, batches[:known_batches]))
    writer = Writer(spool, checker_pool, alerting=by_day)
    await spool.append_all(samples[:begin], epoch)
    await writer.write_once()
    fleet = Fleet(await spool.read_known(), await spool.newest_committed(), [])
    unknown = samples[begin:]
    for batch in batches[known_batches:]:
        now = datetime.now(UTC)
        decisions = fleet.advance(
            samples[begin : begin + len(batch)], by_day(), silences=(), hosts={"": 1}, now=now
        )
        await spool.notes.add(decisions, now)
        begin += len(batch)
    handed = await spool.notes.read()
    noted = [
        (
            one.transition.kind.value,
            one.state.value,
            one.state is NoteState.WAITING and one.not_before_at > now + OPEN_IN / 2,
        )
        for one in handed.notes
    ]
    await write(checker_pool, epoch, unknown, handed)

    assert noted == expected[len(expected) - len(noted) :]
    assert told(conn) == expected
