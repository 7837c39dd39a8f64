"""Alerts whose rule the settings switched off, in the database and beside it, across a restart."""

from dataclasses import replace
from pathlib import Path

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.model import HasGps, Host, JudgedSample, ProblemCode, Role, Route, Severity
from ntp_checker.store.pool import CheckerPool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer
from tests.made_alerts import judged, state
from tests.made_samples import SAMPLE
from tests.stored_samples import Conn, slot, take

pytestmark = pytest.mark.asyncio

HOST = Host(name="h", address="h", role=Role.GPS_SERVER)
END = ("resolved", "no longer watched: by its settings the host has no GPS")


def alerting(has_gps: HasGps) -> Alerting:
    return Alerting(
        routes=(Route(channels=("mail",)),),
        interval_s=1.0,
        host_settings={"h": replace(HOST, has_gps=has_gps)},
    )


def look(number: int, *, unavailable: bool) -> JudgedSample:
    bad = [state(ProblemCode.GPS_UNAVAILABLE, Severity.WARNING)] if unavailable else []
    return judged(slot(number), *bad, sample=replace(SAMPLE, host="h", taken_at=slot(number)))


def told(conn: Conn) -> list[tuple[str, str]]:
    return conn.execute(
        "SELECT event.transition, event.reason FROM metrics.notification"
        " JOIN metrics.alert_event AS event USING (event_id) ORDER BY event.ordinal"
    ).fetchall()


async def test_gps_alert_when_a_restart_finds_the_host_without_gps_then_it_ends(
    conn: Conn, checker_pool: CheckerPool, tmp_path: Path
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    before = Spool(tmp_path / "before.sqlite")
    await before.append_all([look(n, unavailable=True) for n in range(3)], epoch)
    await Writer(before, checker_pool, alerting=lambda: alerting(HasGps.YES)).write_once()
    await before.close()

    after = Spool(tmp_path / "after.sqlite")
    await after.append(look(3, unavailable=False), epoch)
    await Writer(after, checker_pool, alerting=lambda: alerting(HasGps.NO)).write_once()
    await after.close()

    assert told(conn)[1:] == [END]


async def test_gps_alert_when_its_looks_are_replayed_after_the_change_then_it_ends(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    looks = [look(n, unavailable=n < 3) for n in range(5)]
    await spool.append_all(looks, epoch)

    await Writer(spool, checker_pool, alerting=lambda: alerting(HasGps.NO)).write_once()

    assert told(conn)[1:] == [END]


async def test_gps_alert_when_gps_is_not_answered_and_still_watched_then_it_stays(
    conn: Conn, checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "h"))["h"]
    await spool.append_all([look(n, unavailable=n < 3) for n in range(9)], epoch)

    await Writer(spool, checker_pool, alerting=lambda: alerting(HasGps.AUTO)).write_once()

    assert [kind for kind, _ in told(conn)] == ["opened"]
