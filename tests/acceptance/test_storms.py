"""Hosts whose sshd stops: the checker that sees none of five says so, that of one host alerts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.processes import Service, settings_for
from tests.moto_server import MotoServer, SentMail
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

SENDER, RECIPIENT = "ntp@example.org", "ops@example.org"
WAIT_S = 120.0
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def moto() -> Iterator[MotoServer]:
    server = MotoServer()
    try:
        server.verify(SENDER)
        yield server
    finally:
        server.stop()


def settings_of(
    rig: Rig, hosts: Sequence[RigHost], url: str, moto: MotoServer, folder: Path
) -> dict[str, str]:
    return settings_for(
        rig.env(),
        folder,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=",".join(host.target for host in hosts),
        NTP_CHECKER_INTERVAL_S="2",
        NTP_CHECKER_SES_FROM=SENDER,
        NTP_CHECKER_SES_TO=RECIPIENT,
        AWS_ENDPOINT_URL_SESV2=moto.url,
        AWS_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchall()


def wait_for_rows(url: str, query: str, number: int, what: str) -> None:
    wait_until(lambda: len(rows(url, query)) >= number, what, timeout_s=WAIT_S)


def titled(moto: MotoServer, words: str) -> list[SentMail]:
    return [sent for sent in moto.sent() if words in sent.mail["Subject"]]


SEEN = "SELECT 1 FROM metrics.latest WHERE sample ->> 'status' = 'ok'"
#: Of hosts, not of the checker itself.
_UNSEEN = (
    "SELECT 1 FROM metrics.alert_event AS event"
    " LEFT JOIN metrics.notification USING (event_id)"
    " WHERE event.code IN ('host_unreachable', 'probe_failed') AND event.transition = 'opened'"
)


def test_checker_when_five_hosts_are_gone_then_it_says_that_it_sees_none_and_waits(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    hosts = [rig_host() for _ in range(5)]
    url = postgres.url(database)
    settings = settings_of(rig, hosts, url, moto, tmp_path)

    with Service("monitor", settings=settings) as monitor:
        wait_for_rows(url, SEEN, 5, "all are seen")
        for host in hosts:
            host.stop_sshd()
        wait_for_rows(url, f"{_UNSEEN} AND state = 'waiting'", 5, "alerts on hosts wait")
        [blind] = wait_until(
            lambda: titled(moto, "CRITICAL [NTP Checker]"), "it says so", timeout_s=WAIT_S
        )
        for host in hosts:
            host.start_sshd()
        wait_for_rows(url, f"{_UNSEEN} AND state = 'suppressed'", 5, "nobody hears of hosts")
        wait_until(lambda: titled(moto, "RESOLVED [NTP Checker]"), "it is over", timeout_s=WAIT_S)
        status, _ = monitor.stop()

    print(blind.mail["Subject"], blind.part("plain"), sep="\n")
    assert "I can't see: 5 of 5 hosts" in blind.part("plain")
    assert titled(moto, "host unreachable") == []
    assert titled(moto, "look failed") == []
    assert {
        reason
        for (reason,) in rows(
            url, "SELECT error_text FROM metrics.notification WHERE state = 'suppressed'"
        )
    } == {"the checker was blind"}
    assert status == 0


def test_fleet_of_one_when_gone_then_it_alerts_as_ever(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    host = rig_host()
    url = postgres.url(database)

    with Service("monitor", settings=settings_of(rig, [host], url, moto, tmp_path)) as monitor:
        wait_for_rows(url, SEEN, 1, "it is seen")
        host.stop_sshd()
        [told] = wait_until(
            lambda: titled(moto, "host unreachable"), "it is told", timeout_s=WAIT_S
        )
        monitor.stop()

    print(told.mail["Subject"], told.part("plain"), sep="\n")
    assert told.mail["Subject"] == f"CRITICAL [{host.address}] host unreachable"
    assert titled(moto, "NTP Checker") == []
