"""Hosts whose sshd stops: the checker that sees none of five says so, that of one host alerts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.acceptance.mail import MAIL_WAIT_S, mail_settings, rows
from tests.acceptance.processes import Service, settings_for
from tests.moto_server import MotoServer, SentMail
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.chrony import SERVER_ADDRESSES
from tests.rig.processes import free_tcp_port, wait_until

pytestmark = pytest.mark.timeout(600)


def settings_of(
    rig: Rig, hosts: Sequence[RigHost], url: str, moto: MotoServer, folder: Path
) -> dict[str, str]:
    return {
        **settings_for(mail_settings(moto.url), folder),
        **rig.env(),
        "DATABASE_URL": url,
        "NTP_CHECKER_HOSTS": ",".join(host.target for host in hosts),
        "NTP_CHECKER_INTERVAL_S": "2",
    }


def wait_for_rows(url: str, query: str, number: int, what: str) -> None:
    wait_until(lambda: len(rows(url, query)) >= number, what, timeout_s=MAIL_WAIT_S)


def titled(moto: MotoServer, words: str) -> list[SentMail]:
    return [sent for sent in moto.sent() if words in sent.mail["Subject"]]


SEEN = "SELECT 1 FROM metrics.latest WHERE sample ->> 'status' = 'ok'"
#: Of hosts, not of the checker itself.
_UNSEEN = (
    "SELECT 1 FROM metrics.alert_event AS event"
    " LEFT JOIN metrics.notification USING (event_id)"
    " WHERE event.code IN ('host_unreachable', 'probe_failed') AND event.transition = 'opened'"
)
#: A host of the rig is at 127.0.2.1 or above.
_OF_CLIENT = (
    "SELECT event.code, notification.state, notification.error_text"
    " FROM metrics.alert_event AS event JOIN metrics.notification USING (event_id)"
    " JOIN metrics.host USING (host_id)"
    " WHERE host_id > 0 AND NOT starts_with(host.name, '127.0.0.')"
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
            lambda: titled(moto, "CRITICAL [NTP Checker]"), "it says so", timeout_s=MAIL_WAIT_S
        )
        for host in hosts:
            host.start_sshd()
        wait_for_rows(url, f"{_UNSEEN} AND state = 'suppressed'", 5, "nobody hears of hosts")
        wait_until(
            lambda: titled(moto, "RESOLVED [NTP Checker]"), "it is over", timeout_s=MAIL_WAIT_S
        )
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
            lambda: titled(moto, "host unreachable"), "it is told", timeout_s=MAIL_WAIT_S
        )
        monitor.stop()

    print(told.mail["Subject"], told.part("plain"), sep="\n")
    assert told.mail["Subject"] == f"CRITICAL [{host.address}] host unreachable"
    assert titled(moto, "NTP Checker") == []


def test_client_when_its_sources_are_watched_and_gone_then_only_these_are_told(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    references = rig.new_references()
    client = rig_host(references=references)
    url = postgres.url(database)
    # Hosts at the addresses of the client's sources, of which nothing is seen.
    closed = free_tcp_port("127.0.0.1")
    settings = settings_of(rig, [client], url, moto, tmp_path)
    settings["NTP_CHECKER_HOSTS"] += "".join(f",{one}:{closed}" for one in SERVER_ADDRESSES)

    with Service("monitor", settings=settings) as monitor:
        wait_for_rows(url, SEEN, 1, "the client is seen")
        wait_until(
            lambda: len(titled(moto, "host unreachable")) >= 1, "it is told", timeout_s=MAIL_WAIT_S
        )
        references.stop()
        lost = f"{_OF_CLIENT} AND event.code = 'source_unreachable'"
        wait_for_rows(url, lost, 3, "the client's sources are lost")
        unselected = f"{_OF_CLIENT} AND event.code = 'no_selected_source'"
        wait_for_rows(url, unselected, 1, "none is selected")
        monitor.stop()

    found = rows(url, _OF_CLIENT)
    print(*sorted(set(found)), sep="\n")
    assert {state for _, state, _ in found} == {"suppressed"}
    assert all(
        reason.startswith("explained by host_unreachable of 127.0.0.") for *_, reason in found
    )
    assert titled(moto, client.address) == []
