"""What the spool keeps of alerts, for when the database is away."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.known_alerts import KnownHost
from ntp_checker.model import AlertState, JudgedSample, ProblemCode, Route, Severity
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer
from tests.made_alerts import CRITICAL_S, GOOD_S, judged, offset, state
from tests.made_samples import SAMPLE
from tests.stored_samples import Conn, slot, take

pytestmark = pytest.mark.asyncio

MAIL = Alerting(routes=(Route(channels=("mail",)),), interval_s=1.0)


def look(at: datetime, size_s: float, host: str = "h") -> JudgedSample:
    return judged(at, offset(size_s), sample=replace(SAMPLE, host=host, taken_at=at))


async def write(pool: CheckerPool, spool: Spool, epoch: int, *looks: JudgedSample) -> None:
    await spool.append_all(looks, epoch)
    await Writer(spool, pool, alerting=lambda: MAIL).write_once()


async def known(spool: Spool, host: str = "h") -> KnownHost:
    found = (await spool.read_known()).hosts[host]
    assert found
    return found


async def test_open_alert_is_kept_with_those_who_heard_of_it(
    checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]

    await write(checker_pool, spool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))

    kept = await known(spool)
    (only,) = kept.alerts
    assert (only.alert.state, only.alert.opened_at) == (AlertState.OPEN, slot(2))
    assert set(only.told) == {"mail"}
    assert kept.judged_until_at == slot(2)


async def test_healthy_host_leaves_nothing(checker_pool: CheckerPool, spool: Spool) -> None:
    epoch = (await take(checker_pool, "h"))["h"]

    await write(checker_pool, spool, epoch, look(slot(0), GOOD_S))

    assert (await spool.read_known()).hosts == {}


async def test_alert_that_was_only_pending_is_forgotten_with_its_end(
    checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]

    await write(checker_pool, spool, epoch, look(slot(0), CRITICAL_S))
    assert (await known(spool)).alerts
    await write(checker_pool, spool, epoch, look(slot(1), GOOD_S))

    assert (await spool.read_known()).hosts == {}


async def test_alert_that_closed_is_kept_to_tell_flapping(
    checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    sizes = (CRITICAL_S, CRITICAL_S, CRITICAL_S, GOOD_S, GOOD_S)

    await write(checker_pool, spool, epoch, *(look(slot(n), s) for n, s in enumerate(sizes)))

    assert [one.alert.state for one in (await known(spool)).alerts] == [AlertState.CLOSED]


async def test_acknowledgement_is_kept_from_the_next_slot_on(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, spool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))
    conn.execute(
        "UPDATE metrics.alert SET acknowledged_by = 'ana', acknowledged_at = clock_timestamp()"
    )
    unreachable = judged(
        slot(3),
        state(ProblemCode.HOST_UNREACHABLE, Severity.CRITICAL),
        sample=replace(SAMPLE, host="h"),
    )

    await write(checker_pool, spool, epoch, unreachable)

    taken = {one.alert.key.code: one.alert.acknowledgement for one in (await known(spool)).alerts}
    acknowledgement = taken[ProblemCode.OFFSET_HIGH]
    assert acknowledgement
    assert acknowledgement.by == "ana"


async def test_silences_are_kept_also_those_to_come_and_recurring_ones(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    conn.execute(
        "INSERT INTO metrics.silence"
        " (starts_at, ends_at, recurrence, time_zone, reason, created_by) VALUES"
        " ('2020-01-01', '2020-01-02', NULL, NULL, 'over', 'y'),"
        " ('2020-01-01', '2020-01-02', 'FREQ=DAILY;COUNT=9000', 'UTC', 'daily', 'y'),"
        " (now() - interval '1 h', now() + interval '1 h', NULL, NULL, 'now', 'y'),"
        " (now() + interval '1 h', now() + interval '2 h', NULL, NULL, 'later', 'y')"
    )

    await write(checker_pool, spool, epoch, look(slot(0), GOOD_S))
    conn.execute("DELETE FROM metrics.silence WHERE reason = 'now'")
    await write(checker_pool, spool, epoch, look(slot(1), GOOD_S))

    kept = [rule.silence.reason for rule in (await spool.read_known()).silences]
    assert kept == ["daily", "later"]


async def test_copy_when_the_file_is_opened_again_is_the_same(
    checker_pool: CheckerPool, tmp_path: Path
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    spool = Spool(tmp_path / "again.sqlite")
    await write(checker_pool, spool, epoch, *(look(slot(n), CRITICAL_S) for n in range(3)))
    before = await spool.read_known()
    await spool.close()

    again = Spool(tmp_path / "again.sqlite")
    after = await again.read_known()
    change = again.copy.change_to([before])
    await again.close()

    assert after == before
    assert not change  # what is there is not written again


async def test_slots_that_are_not_in_the_database_leave_the_copy_as_it_is(
    checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await write(checker_pool, spool, epoch, look(slot(0), CRITICAL_S))
    before = await spool.read_known()

    await spool.append(look(slot(1), CRITICAL_S), epoch)

    assert await spool.read_known() == before
