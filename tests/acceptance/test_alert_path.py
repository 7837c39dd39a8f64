"""An alert's whole way: a clock that goes wrong, its mail, who takes it on, its end, its history."""

import csv
import http.cookiejar
import re
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.mail import MAIL_WAIT_S, mail_settings, rows
from tests.acceptance.processes import Service, fetch, page_url, settings_for, wait_for_page
from tests.acceptance.test_alerts import titled
from tests.moto_server import MotoServer
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_LINK = re.compile(r"http://127\.0\.0\.1:\d+(/alerts/[0-9a-f-]{36})")


def acknowledge(page: str, **form: str) -> str:
    """Fills in the form of an alert's page and sends it, as a browser does; what comes back."""
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    with browser.open(page, timeout=10) as answer:
        found = _TOKEN.search(answer.read().decode())
    assert found
    body = urllib.parse.urlencode({"csrf_token": found[1], **form}).encode()
    with browser.open(f"{page}/acknowledge", body, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.timeout(400)
def test_wrong_clock_when_taken_on_by_its_mails_link_then_ends_in_the_same_thread(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    host, url = rig_host(), postgres.url(database)
    settings = settings_for(
        rig.env() | mail_settings(moto.url),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=host.target,
    )
    settings["NTP_CHECKER_PUBLIC_URL"] = page_url(settings, "")
    seen = "SELECT 1 FROM metrics.latest WHERE sample ->> 'status' = 'ok'"
    with (
        Service("monitor", settings=settings),
        Service("dashboard", settings=settings) as dashboard,
    ):
        wait_until(lambda: rows(url, seen), "the clock is right", timeout_s=MAIL_WAIT_S)
        wait_for_page(dashboard, "/alerts")
        host.change_clock_offset(0.25)
        opened = wait_until(
            lambda: titled(moto, "CRITICAL", "clock offset"), "it is told", timeout_s=MAIL_WAIT_S
        )
        link = _LINK.search(opened.part("plain"))
        assert link, opened.part("plain")
        page = acknowledge(page_url(settings, link[1]), by="ada", note="on my way to the roof")
        host.change_clock_offset(0.0)
        resolved = wait_until(
            lambda: titled(moto, "RESOLVED", "clock offset"), "it is over", timeout_s=MAIL_WAIT_S
        )
        unsent = "SELECT 1 FROM metrics.notification WHERE state <> 'accepted'"
        wait_until(lambda: not rows(url, unsent), "all is told", timeout_s=MAIL_WAIT_S)
        history = fetch(settings, link[1]).decode()
        table = fetch(settings, "/api/alerts.csv?code=offset_high").decode()

    assert "acknowledged by ada: on my way to the roof" in page
    assert resolved.mail["References"] == opened.mail["References"]
    told = [sent.mail["Subject"] for sent in moto.sent() if "clock offset" in sent.mail["Subject"]]
    assert [title.split(" ", 1)[0] for title in told] == ["CRITICAL", "RESOLVED"]
    steps = re.findall(
        r"</svg>(Opened|Acknowledged|Closed)</span>", history.split("What happened")[1]
    )
    assert steps == ["Closed", "Acknowledged", "Opened"], history
    (row,) = csv.DictReader(table.splitlines())
    assert (row["host"], row["state"], row["acknowledged_by"]) == (host.address, "closed", "ada")
    assert row["notices"].count("accepted") == 2
