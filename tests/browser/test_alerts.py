"""The alerts as people see them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import expect

from tests.alert_rows import AlertRow, NoticeRow, add_alert
from tests.browser.screens import DESK, PHONE, SMALLEST, OpenPage, overflow_px, picture
from tests.dashboard import DashboardProcess


@pytest.fixture(scope="module")
def alerts(fleet_url: str) -> Iterator[DashboardProcess]:
    with psycopg.connect(fleet_url) as conn:
        add_alert(
            conn,
            AlertRow(host="edge-00", acknowledged_by="ada", note="replacing the antenna"),
            NoticeRow(),
            NoticeRow(channel="chat", state="given_up", error="account suspended"),
        )
        add_alert(
            conn,
            AlertRow(
                host="edge-01",
                code="source_unreachable",
                subject="2001:db8:1234:5678:9abc:def0:1234:5678",
                severity="warning",
                unit="",
                value=4.0,
                peak=2.0,
                limit=6.0,
                reason="source answered 4 of the last 8 polls, 6 wanted",
            ),
            NoticeRow(state="waiting"),
        )
        add_alert(conn, AlertRow(host="edge-02", state="closed"), NoticeRow())
    with DashboardProcess(fleet_url) as dashboard:
        yield dashboard


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE, SMALLEST], ids=["1280", "390", "360"])
def test_alerts_when_opened_then_the_page_fits(
    open_page: OpenPage, alerts: DashboardProcess, device: dict[str, Any], scheme: str
) -> None:
    page = open_page(f"{alerts.url}/alerts", color_scheme=scheme, **device)
    width = device["viewport"]["width"]
    page.screenshot(path=picture(f"alerts-{scheme}-{width}"), full_page=True)

    expect(page.locator("h1")).to_have_text("2 alerts are open")
    assert overflow_px(page) == 0


def test_alerts_when_filtered_by_the_form_then_only_those_and_the_address_says_so(
    open_page: OpenPage, alerts: DashboardProcess
) -> None:
    page = open_page(f"{alerts.url}/alerts")

    page.get_by_label("Severity").select_option("warning")
    page.get_by_role("button", name="Show").click()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("source unreachable")
    assert "severity=warning" in page.url


def test_overview_when_the_way_to_the_alerts_is_taken_then_they_are_there(
    open_page: OpenPage, alerts: DashboardProcess
) -> None:
    page = open_page(alerts.url)

    page.get_by_role("link", name="Alerts").click()

    expect(page.get_by_role("heading", name="Open", exact=True)).to_be_visible()


def test_alerts_when_opened_then_bars_of_each_host_and_an_alert_leads_to_its_own_page(
    open_page: OpenPage, alerts: DashboardProcess
) -> None:
    page = open_page(f"{alerts.url}/alerts?host=edge-01&state=open")
    expect(page.locator(".timeline li")).to_have_count(1)
    expect(page.get_by_role("img", name="0 critical, 1 warning")).to_be_visible()

    page.get_by_role("link", name="Acknowledge or silence").click()

    expect(page.locator("h1")).to_contain_text("edge-01: source unreachable")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
