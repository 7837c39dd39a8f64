"""A page that stays open: it follows the fleet, and says so when it cannot."""

import re
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import Page, expect

from tests.browser.conftest import LIMIT_MS
from tests.browser.screens import OpenPage, picture
from tests.dashboard import DashboardProcess
from tests.fleet_rows import FleetHost, add_host

#: How far a page's clock is put on to stop it; more than the way from asking for it to setting it.
CLOCK_JUMP_S = 5.0


def test_page_when_30_s_have_passed_then_new_rows_without_a_reload(
    open_page: OpenPage, empty_url: str
) -> None:
    with DashboardProcess(empty_url) as dashboard, psycopg.connect(empty_url) as connection:
        add_host(connection, FleetHost(name="first", age_s=-1000.0))
        connection.commit()
        page = _open_with_clock(open_page, dashboard.url)
        page.evaluate("window.isTheSamePage = true")
        add_host(connection, FleetHost(name="second", status="critical", age_s=-1000.0))
        connection.commit()

        page.clock.run_for(31_000)

        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("#announcer")).to_have_text("1 of 2 hosts needs attention")
        assert page.title() == "1 of 2 hosts needs attention · NTP Checker"
        assert page.evaluate("window.isTheSamePage") is True
        page.close()  # before its server is gone


def test_page_when_the_server_is_gone_then_says_so_and_takes_the_colours_away(
    open_page: OpenPage, empty_url: str
) -> None:
    with DashboardProcess(empty_url) as dashboard, psycopg.connect(empty_url) as connection:
        add_host(connection, FleetHost(name="first", age_s=-1000.0))
        connection.commit()
        # Refused; reset, where Chromium had opened a connection in advance.
        page = _open_with_clock(open_page, dashboard.url, expected="ERR_CONNECTION_RE")
        known_at_ms = page.evaluate("Date.now()")
        page.clock.pause_at(known_at_ms / 1000 + CLOCK_JUMP_S)
        dashboard.stop()

        page.clock.run_for(31_000)
        expect(page.locator("#connection")).to_contain_text("Not refreshed")
        assert "outdated" not in (page.locator("body").get_attribute("class") or "")

        page.clock.run_for(62_000)
        expect(page.locator("body")).to_have_class("outdated")
        since_s = (page.evaluate("Date.now()") - known_at_ms) / 1000
        assert CLOCK_JUMP_S + 93 <= since_s < CLOCK_JUMP_S + 95
        told = page.locator("#connection").inner_text()
        known = re.search(r"known ([0-9]+)\s+s ago", told)
        # It was known from when the page came, which is a moment before we asked.
        assert known is not None, told
        assert since_s - 1 <= int(known[1]) <= since_s + LIMIT_MS / 1000, told


def test_page_when_there_is_no_host_then_the_command_and_the_first_host_by_itself(
    open_page: OpenPage, empty_url: str
) -> None:
    with DashboardProcess(empty_url) as dashboard, psycopg.connect(empty_url) as connection:
        page = _open_with_clock(open_page, dashboard.url)
        expect(page.get_by_text("NTP_CHECKER_HOSTS=user@host make run")).to_be_visible()
        page.screenshot(path=picture("empty"))

        add_host(connection, FleetHost(name="first", age_s=-1000.0))
        connection.commit()
        page.clock.run_for(31_000)

        expect(page.get_by_role("link", name="first")).to_be_visible()
        page.close()  # before its server is gone


def test_page_when_the_database_is_down_then_words_and_no_stack(
    open_page: OpenPage, tmp_path: Path
) -> None:
    with DashboardProcess(f"host={tmp_path} user=nobody dbname=none") as dashboard:
        page = open_page(dashboard.url, expected="503")

        expect(page.locator("h1")).to_have_text("The database does not answer")
        page.screenshot(path=picture("database-down"))


def _open_with_clock(open_page: OpenPage, url: str, **options: Any) -> Page:
    """A page whose timers only run when the test says so."""
    page = open_page("about:blank", **options)
    page.clock.install()
    page.goto(url)
    return page
