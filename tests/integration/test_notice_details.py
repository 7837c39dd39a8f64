"""What a message tells beside its transition, as the database knows it."""

from dataclasses import replace

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.config import load_settings
from ntp_checker.model import JudgedSample, Route, Sample, SourceState
from ntp_checker.store.hosts import sync_hosts
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
