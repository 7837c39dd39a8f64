"""The checker's own troubles, with its real process: who hears of them, and what stops."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.mail import MAIL_WAIT_S, mail_settings, rows
from tests.acceptance.processes import Service, settings_for
from tests.http_receiver import Receiver, Respond, answer, http_receiver
from tests.moto_server import MotoServer
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.faketime import MovableClock
from tests.rig.processes import wait_until

SEEN = "SELECT 1 FROM metrics.latest WHERE sample ->> 'status' = 'ok'"


@pytest.mark.timeout(400)
def test_own_clock_when_an_hour_ahead_is_mailed_as_the_checkers_and_no_host_is_blamed(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    host, url = rig_host(), postgres.url(database)
    clock = MovableClock(tmp_path / "clock")
    settings = {
        **settings_for(mail_settings(moto.url), tmp_path / "data"),
        **rig.env(),
        **clock.settings,
        "DATABASE_URL": url,
        "NTP_CHECKER_HOSTS": host.target,
    }
    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: rows(url, SEEN), "the host is looked at", timeout_s=MAIL_WAIT_S)
        clock.move(3600.0)
        monitor.wait_for("message accepted", timeout_s=MAIL_WAIT_S)
        clock.move(0.0)
        wait_until(
            lambda: monitor.log.count("message accepted") == 2, "it is over", timeout_s=MAIL_WAIT_S
        )
        status, _ = monitor.stop()

    opened, ended = (sent.mail for sent in moto.sent())
    title = "[NTP Checker] checker's own clock wrong: checker-"
    assert opened["Subject"].strip().startswith(f"CRITICAL {title}")
    assert ended["Subject"].strip().startswith(f"RESOLVED {title}")
    assert ended["References"] == opened["References"]
    assert (
        "the checker's clock is 1 h ahead of 1 of 1 hosts whose chrony is fine, limit 1 s: it is "
        "the checker that is wrong, not the hosts"
    ) in " ".join(moto.sent()[0].part("plain").split())
    assert rows(url, "SELECT DISTINCT code FROM metrics.alert_event") == [("checker_clock_wrong",)]
    assert status == 0


@contextmanager
def receiving(respond: Respond | None = None) -> Iterator[Receiver]:
    """An HTTP server in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = http_receiver(respond)
    try:
        yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.timeout(400)
def test_heartbeat_when_the_only_channel_refuses_for_good_then_stops(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    tmp_path: Path,
) -> None:
    host, url = rig_host(), postgres.url(database)
    with receiving() as watchdog, receiving(answer("400 Bad Request")) as hook:
        file = tmp_path / "settings.yaml"
        file.write_text(
            f'channels:\n  hook: {{kind: webhook, allow_private: true, url: "{hook.url}/alerts"}}\n'
        )
        settings = settings_for(
            rig.env(),
            tmp_path / "data",
            DATABASE_URL=url,
            NTP_CHECKER_HOSTS=host.target,
            NTP_CHECKER_CONFIG=str(file),
            NTP_CHECKER_HEARTBEAT_URL=f"{watchdog.url}/ping/hunter2",
            NTP_CHECKER_LOG_LEVEL="debug",
        )
        with Service("monitor", settings=settings) as monitor:
            wait_until(lambda: len(watchdog.requests) >= 2, "it beats", timeout_s=MAIL_WAIT_S)
            host.change_clock_offset(0.25)
            monitor.wait_for("has refused its last message for good", timeout_s=MAIL_WAIT_S)
            before = len(watchdog.requests)
            bad_rounds = monitor.log.count('"is_good": false')
            wait_until(
                lambda: monitor.log.count('"is_good": false') >= bad_rounds + 3,
                "three rounds are not good",
                timeout_s=MAIL_WAIT_S,
            )
            monitor.stop()
            log = monitor.log

    assert hook.requests
    assert len(watchdog.requests) == before
    assert {request.line for request in watchdog.requests} == {"GET /ping/hunter2 HTTP/1.1"}
    assert "hunter2" not in log
