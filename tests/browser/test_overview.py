"""The overview as people see it: in Chromium, on a desk and on a phone, by day and by night."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS, SCRIPT_NAME
from tests.browser.screens import (
    DESK,
    HOSTS,
    PHONE,
    SMALLEST,
    OpenPage,
    overflow_px,
    picture,
    points_of,
    show_chart,
)
from tests.dashboard import DashboardProcess


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["1280", "390"])
def test_overview_when_opened_then_it_fits_and_the_chart_is_drawn(
    open_page: OpenPage, fleet: DashboardProcess, device: dict[str, Any], scheme: str
) -> None:
    page = open_page(fleet.url, color_scheme=scheme, **device)
    width = device["viewport"]["width"]
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"overview-{scheme}-{width}.png")

    show_chart(page)
    page.screenshot(path=SCREENSHOTS / f"chart-{scheme}-{width}.png")

    assert overflow_px(page) == 0
    assert any(value is not None for value in points_of(page))
    is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"
    assert is_dark is (scheme == "dark")


def test_overview_when_360_px_wide_then_nothing_scrolls_sideways(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, **SMALLEST)
    show_chart(page)

    assert overflow_px(page) == 0


def test_overview_when_opened_then_one_sentence_and_the_worst_first(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url)

    expect(page.locator("h1")).to_contain_text(f"6 of {HOSTS} hosts need attention")
    states = page.locator("tbody .mark").all_inner_texts()
    assert states[:6] == ["Critical", "Critical", "Stale", "Unknown", "Unknown", "Warning"]


def test_table_when_the_chart_is_out_of_sight_then_no_chart_library_is_loaded(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, viewport={"width": 1280, "height": 400})
    page.wait_for_load_state("networkidle")

    loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert not any("plotly" in name for name in loaded)


def test_host_when_named_like_a_script_then_shown_as_text(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    link = page.get_by_role("link", name=SCRIPT_NAME)
    link.click()

    expect(page.locator("#offset-title")).to_have_text(f"Offset of {SCRIPT_NAME}")
    expect(page.locator("tbody")).to_contain_text("<b>Not synchronised</b>")
    show_chart(page)
    assert dialogs == []


def test_tile_when_clicked_then_filters_and_again_shows_all(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url)

    page.locator(".tile.s-critical").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    assert "state=critical" in page.url

    page.locator(".tile.s-critical").click()
    expect(page.locator("tbody tr")).to_have_count(HOSTS)


def test_search_when_typed_then_rows_are_filtered_and_the_focus_stays(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url)
    search = page.get_by_role("searchbox")

    search.press_sequentially("ntp-0")

    expect(page.locator("tbody tr")).to_have_count(4)
    expect(search).to_be_focused()
    expect(search).to_have_value("ntp-0")
    assert "q=ntp-0" in page.url


def test_page_without_javascript_then_table_filters_and_search_work(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, java_script_enabled=False)
    expect(page.locator("tbody tr")).to_have_count(HOSTS)
    expect(page.get_by_text("The chart needs JavaScript;")).to_be_visible()
    expect(page.locator("#theme")).to_be_hidden()
    page.screenshot(path=picture("no-javascript"), full_page=True)

    page.get_by_role("searchbox").fill("edge-0")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(10)

    page.get_by_role("link", name="Offset", exact=True).click()
    expect(page.locator("tbody tr th").first).to_have_text("edge-09")


def test_theme_when_chosen_then_kept_in_the_first_paint_of_the_next_page(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, color_scheme="light")
    button = page.get_by_role("button", name="Theme: auto")
    button.click()
    page.get_by_role("button", name="Theme: light").click()

    page.get_by_role("button", name="Theme: dark").wait_for()
    page.reload()

    assert page.locator("html").get_attribute("data-theme") == "dark"
