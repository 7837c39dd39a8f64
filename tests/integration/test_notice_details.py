"""What a message tells beside its transition, as the database knows it."""

import re
from dataclasses import replace

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.config import load_settings
from ntp_checker.model import (
    Failure,
    FailureKind,
    GpsMode,
    JudgedSample,
    Leap,
    Limits,
    Part,
    Role,
    Route,
    Sample,
    SourceState,
)
from ntp_checker.store.hosts import note_configs, sync_hosts
from ntp_checker.store.notifications import claim
from ntp_checker.store.pool import CheckerPool
from ntp_checker.targets import parse_target
from ntp_checker.telling import make_compose
from ntp_checker.writer import WriterRow, write_batch
from tests.made_alerts import CRITICAL_S, GOOD_S, judged, offset
from tests.made_samples import SAMPLE, SOURCES, gps_report, with_gps
from tests.stored_samples import slot, take

pytestmark = pytest.mark.asyncio

MAIL = Alerting(routes=(Route(channels=("mail",)),), interval_s=1.0)
COASTING = replace(
    SAMPLE, sources=tuple(replace(one, state=SourceState.UNUSABLE) for one in SOURCES)
)
TIGHT = Limits(offset_warning_s=0.0001, sources_min=2)
PUBLIC = {"NTP_CHECKER_PUBLIC_URL": "https://ntp.example.org"}


def look(number: int, size_s: float, sample: Sample = SAMPLE) -> JudgedSample:
    at = slot(number)
    return judged(at, offset(size_s), sample=replace(sample, host="h", taken_at=at))


async def told(pool: CheckerPool, *looks: JudgedSample, target: str = "h") -> str:
    """The text of the message on what was queued last; the host is looked at at `target`."""
    epoch = (await take(pool, "h"))["h"]
    async with pool.connection() as conn:
        await sync_hosts(conn, [replace(parse_target(target), name="h")])
        await write_batch(conn, [WriterRow(lease_epoch=epoch, judged=one) for one in looks], MAIL)
    async with pool.connection() as conn, conn.transaction():
        claimed = await claim(conn, "one", "mail")
        return (await make_compose(load_settings(PUBLIC))(conn, claimed)).text


async def test_message_when_an_alert_opens_then_says_when_it_was_last_good(
    checker_pool: CheckerPool,
) -> None:
    good = look(0, GOOD_S)
    good = replace(good, verdict=replace(good.verdict, error_bound_s=0.002))
    bad = [look(number, CRITICAL_S) for number in (1, 2, 3)]

    text = await told(checker_pool, good, *bad)

    assert f"Last good        {slot(0):%Y-%m-%d %H:%M:%S} UTC" in text


async def test_message_when_an_alert_opens_then_leads_to_its_entry_of_the_runbook(
    checker_pool: CheckerPool,
) -> None:
    text = await told(checker_pool, *(look(number, CRITICAL_S) for number in range(3)))

    assert "Runbook: https://ntp.example.org/runbook#offset_high" in text


async def test_message_when_a_host_has_a_name_of_its_own_then_says_how_it_is_reached(
    checker_pool: CheckerPool,
) -> None:
    bad = [look(number, CRITICAL_S) for number in range(3)]

    text = await told(checker_pool, *bad, target="root@192.0.2.7:2222")

    assert "Target           root@192.0.2.7:2222" in text
    assert "  ssh -p 2222 root@192.0.2.7 chronyc -n tracking" in text


async def test_message_when_no_source_is_selected_then_says_of_how_many(
    checker_pool: CheckerPool,
) -> None:
    text = await told(checker_pool, *(look(number, CRITICAL_S, COASTING) for number in range(3)))

    assert "Selected source  none of 3" in text


@pytest.mark.parametrize(
    ("seen", "words"), [(11, "8 of 11 satellites used"), (None, "8 satellites used")]
)
async def test_message_when_there_is_a_receiver_then_its_satellites(
    checker_pool: CheckerPool, seen: int | None, words: str
) -> None:
    sample = with_gps(gps_report(satellites_seen=seen))
    text = await told(checker_pool, *(look(number, CRITICAL_S, sample) for number in range(3)))

    assert f"GPS              3D fix, {words}" in text


async def test_message_when_an_alert_ends_then_says_what_it_was(checker_pool: CheckerPool) -> None:
    await told(checker_pool, *(look(number, CRITICAL_S) for number in range(3)))

    text = await told(checker_pool, *(look(number, GOOD_S) for number in (3, 4)))

    assert "Was              clock is 60 ms ahead, limit 50 ms" in text
    assert "; it lasted 4 s, peak 60 ms" in text.splitlines()[1]


def changed(text: str) -> list[str]:
    """What the message says of changes."""
    return re.findall(r"^- (.*)$", text.partition("What changed just before")[2], re.MULTILINE)


def of_clock(leap: Leap, stratum: int, refid: str) -> Sample:
    assert SAMPLE.tracking is not None
    tracking = replace(SAMPLE.tracking, leap=leap, stratum=stratum, refid=refid)
    return replace(SAMPLE, tracking=tracking)


async def test_message_when_the_clock_changed_just_before_then_says_what_newest_first(
    checker_pool: CheckerPool,
) -> None:
    before = of_clock(Leap.NORMAL, 1, "50505300")
    after = of_clock(Leap.NORMAL, 3, "C0000201")
    failure = Failure(part=Part.TRACKING, kind=FailureKind.CHRONYD_DOWN, stage="", detail="")
    lost = replace(look(1, GOOD_S).sample, tracking=None, sources=None, failures=(failure,))
    free = of_clock(Leap.NOT_SYNCHRONISED, 3, "C0000201")

    text = await told(
        checker_pool,
        look(0, GOOD_S, before),
        # A look that failed is no change, and hides none.
        replace(look(1, GOOD_S), sample=lost),
        look(2, CRITICAL_S, after),
        look(3, CRITICAL_S, free),
        look(4, CRITICAL_S, free),
    )

    found = [line for line in changed(text) if " is selected" not in line]
    assert found[:3] == [
        f"{slot(3):%H:%M:%S} leap is not synchronised, was normal",
        f"{slot(2):%H:%M:%S} stratum is 3, was 1",
        f"{slot(2):%H:%M:%S} reference is C0000201, was 50505300 (PPS)",
    ]
    times = [line[:8] for line in changed(text)]
    assert times == sorted(times, reverse=True)


async def test_message_when_the_fix_was_lost_just_before_then_says_so(
    checker_pool: CheckerPool,
) -> None:
    fixed, lost = (with_gps(gps_report(mode=mode)) for mode in (GpsMode.FIX_3D, GpsMode.NO_FIX))

    text = await told(
        checker_pool,
        look(0, GOOD_S, fixed),
        *(look(number, CRITICAL_S, lost) for number in (1, 2, 3)),
    )

    assert f"{slot(1):%H:%M:%S} GPS fix is none, was 3D" in changed(text)


async def test_message_when_settings_changed_just_before_then_says_which(
    checker_pool: CheckerPool,
) -> None:
    host = replace(parse_target("h"), name="h")
    async with checker_pool.connection() as conn:
        ids = await sync_hosts(conn, [host])
        for changed_host in (host, replace(host, role=Role.GPS_SERVER, limits=TIGHT)):
            await note_configs(conn, [changed_host], ids, interval_s=1.0)
        # By the database's clock, which is far from the samples' times.
        await conn.execute(
            "UPDATE metrics.host_config SET valid_from = %s - (SELECT max(valid_from)"
            " FROM metrics.host_config) + valid_from",
            (slot(0),),
        )

    text = await told(checker_pool, *(look(number, CRITICAL_S) for number in range(3)))

    found = [line for line in changed(text) if "setting" in line]
    assert sorted(found) == [
        f"{slot(0):%H:%M:%S} setting offset_warning_s is 0.0001, was 0.01",
        f"{slot(0):%H:%M:%S} setting role is gps_server, was server",
        f"{slot(0):%H:%M:%S} setting sources_min is 2, was 3",
    ]


async def test_message_when_much_changed_then_the_newest_ten(checker_pool: CheckerPool) -> None:
    stratum = [2 + number % 2 for number in range(20)]
    looks = [
        look(number, GOOD_S, of_clock(Leap.NORMAL, stratum[number], "C0000201"))
        for number in range(20)
    ]

    text = await told(
        checker_pool,
        *looks,
        *(look(number, CRITICAL_S, looks[19].sample) for number in (20, 21, 22)),
    )

    assert changed(text) == [
        f"{slot(number):%H:%M:%S} stratum is {stratum[number]}, was {stratum[number - 1]}"
        for number in range(19, 9, -1)
    ]
