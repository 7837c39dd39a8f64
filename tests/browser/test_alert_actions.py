"""Acknowledging and silencing as people do it: with a mouse, by the keyboard, without scripts."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.alert_rows import AlertRow, NoticeRow, add_alert
from tests.browser.conftest import SCRIPT_NAME
from tests.browser.screens import (
    DESK,
    PHONE,
    SMALLEST,
    OpenPage,
    overflow_px,
    picture,
    show_chart,
)
from tests.dashboard import DashboardProcess
from tests.fleet_rows import FleetHost, add_host

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def conn(empty_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(empty_url, autocommit=True) as opened:
        add_host(opened, FleetHost(name="edge-00"))
        add_host(opened, FleetHost(name=SCRIPT_NAME))
        opened.execute("UPDATE metrics.host SET group_name = 'roof' WHERE host_id > 0")
        yield opened


@pytest.fixture
def alert_url(conn: psycopg.Connection[tuple[Any, ...]], empty_url: str) -> Iterator[str]:
    """The page of an open alert."""
    alert_id = add_alert(conn, AlertRow(host="edge-00"), NoticeRow())
    found = conn.execute(
        "SELECT event_id FROM metrics.alert_event WHERE alert_id = %s", (alert_id,)
    ).fetchone()
    assert found is not None
    assert isinstance(found[0], uuid.UUID)
    with DashboardProcess(empty_url) as dashboard:
        yield f"{dashboard.url}/alerts/{found[0]}"


def base(url: str) -> str:
    return url.partition("/alerts/")[0]


def acknowledge(page: Page, by: str = "ada", note: str = "on my way") -> None:
    form = page.locator("form", has=page.get_by_role("heading", name="Acknowledge"))
    form.get_by_label("Your name").fill(by)
    form.get_by_label("Note").fill(note)
    form.get_by_label("Until").select_option("8 hours")
    form.get_by_role("button", name="Acknowledge").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE, SMALLEST], ids=["1280", "390", "360"])
def test_alert_and_silences_when_opened_then_the_pages_fit(
    open_page: OpenPage, alert_url: str, device: dict[str, Any], scheme: str
) -> None:
    width = device["viewport"]["width"]
    for name, url in (("alert", alert_url), ("silences", f"{base(alert_url)}/silences")):
        page = open_page(url, color_scheme=scheme, **device)
        page.screenshot(path=picture(f"{name}-{scheme}-{width}"), full_page=True)
        assert overflow_px(page) == 0
        page.close()  # before its server is gone


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_alert_when_acknowledged_then_its_page_the_list_and_the_overview_say_by_whom(
    open_page: OpenPage, alert_url: str, scripts: bool
) -> None:
    page = open_page(alert_url, java_script_enabled=scripts)

    acknowledge(page)

    expect(page).to_have_url(alert_url)
    expect(page.locator(".facts .taken")).to_contain_text("acknowledged by ada until")
    expect(page.locator("tbody tr").first).to_contain_text("taken on by ada until")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("acknowledged by ada until")
    page.get_by_role("link", name="Hosts").click()
    expect(page.locator(".open-alert")).to_contain_text("acknowledged by ada")
    page.close()


def test_alert_when_acknowledged_by_the_keyboard_alone_then_done(
    open_page: OpenPage, alert_url: str
) -> None:
    page = open_page(alert_url)
    page.get_by_label("Your name").first.focus()

    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("on my way")
    page.keyboard.press("Enter")

    expect(page.locator(".facts .taken")).to_have_text("acknowledged by ada: on my way")
    page.close()


def test_alert_when_silenced_then_says_until_when_and_the_silence_can_be_ended(
    open_page: OpenPage, alert_url: str
) -> None:
    page = open_page(alert_url)
    form = page.locator("form", has=page.get_by_role("heading", name="Silence"))
    form.get_by_label("What").select_option("all problems of group roof")
    form.get_by_label("How long").select_option("4 hours")
    form.get_by_label("Your name").fill("ada")
    form.get_by_label("Why").fill("new antenna")
    form.get_by_role("button", name="Silence").click()

    expect(page.locator(".facts .taken")).to_contain_text("of ada, new antenna")
    page.get_by_role("link", name="silence 1").click()
    row = page.locator("#silence-1")
    expect(row).to_contain_text("all problems of group roof")
    row.get_by_label("Your name").fill("bob")
    row.get_by_role("button", name="End it (silence of all problems of group roof)").click()
    expect(page.locator("h1")).to_have_text("Nothing is silent now")
    expect(page.locator("#silence-1")).to_contain_text("ended by bob")
    page.close()


def test_silence_when_something_is_wrong_then_said_at_the_field_and_the_rest_is_kept(
    open_page: OpenPage, alert_url: str
) -> None:
    page = open_page(f"{base(alert_url)}/silences", expected="400")
    form = page.locator("#create")
    form.get_by_label("Host").fill("egde-00")
    form.get_by_label("Your name").fill("ada")
    form.get_by_label("Why").fill("new antenna")
    form.get_by_role("button", name="Silence").click()

    host = page.get_by_label("Host")
    expect(host).to_have_attribute("aria-invalid", "true")
    expect(host).to_have_accessible_description("there is no host 'egde-00'")
    expect(page.get_by_label("Why")).to_have_value("new antenna")
    host.fill("edge-00")
    page.locator("#create").get_by_role("button", name="Silence").click()
    expect(page.locator("h1")).to_have_text("1 silence holds now")
    page.close()


def test_words_when_hostile_then_only_text(open_page: OpenPage, alert_url: str) -> None:
    page = open_page(alert_url)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    acknowledge(page, by=HOSTILE, note=f'"{HOSTILE}')

    expect(page.locator(".facts .taken")).to_contain_text(f"acknowledged by {HOSTILE}")
    for path in ("/alerts", "/", "/silences"):
        page.goto(base(alert_url) + path)
        expect(page.locator("img")).to_have_count(0)
    assert dialogs == []
    page.close()


def test_chart_when_an_alert_was_open_then_shaded_and_said(
    open_page: OpenPage, fleet: DashboardProcess, fleet_url: str
) -> None:
    with psycopg.connect(fleet_url) as conn:
        add_alert(conn, AlertRow(host="edge-00", code="error_bound_high", state="closed"))
    page = open_page(f"{fleet.url}/?host=edge-00")
    show_chart(page)

    shapes = page.evaluate("document.querySelector('.js-plotly-plot').layout.shapes.length")
    assert shapes >= 1
    expect(page.locator("#offset-alerts")).to_contain_text("error bound high, critical, from")
    expect(page.locator(".k-alert")).to_be_visible()


def test_chart_when_a_mail_links_to_a_time_then_it_shows_that_and_a_range_ends_it(
    open_page: OpenPage, fleet: DashboardProcess, fleet_url: str
) -> None:
    with psycopg.connect(fleet_url) as conn:
        add_alert(conn, AlertRow(host="edge-00", code="stratum_high", state="closed"))
    page = open_page(f"{fleet.url}/alerts?host=edge-00&code=stratum_high")
    page.get_by_role("link", name="stratum high").click()
    page.get_by_role("link", name="edge-00 at that time").click()
    show_chart(page)

    expect(page.locator("#offset-times")).to_be_visible()
    first, last = page.evaluate("document.querySelector('.js-plotly-plot').layout.xaxis.range")
    hours = (last - first) / 3_600_000
    assert 1 < hours < 4
    page.get_by_role("link", name="14d", exact=True).click()
    expect(page.locator("#offset-times")).to_be_hidden()
    expect(page.locator("#offset-summary")).to_contain_text("30 min")
    assert "from=" not in page.url
