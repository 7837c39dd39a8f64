"""The overview as people see it: in Chromium, on a desk and on a phone, by day and by night."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LIMIT_MS, SCREENSHOTS, SCRIPT_NAME
from tests.dashboard import DashboardProcess
from tests.fleet_rows import FleetHost, add_host

OpenPage = Callable[..., Page]

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
SMALLEST: dict[str, Any] = {"viewport": {"width": 360, "height": 640}}
#: what the fleet of these tests has
HOSTS = 18
#: How far a page's clock is put on to stop it; more than the way from asking for it to setting it.
CLOCK_JUMP_S = 5.0
CHART_LINE = "#offset-plot .scatterlayer .js-line"


def show_chart(page: Page) -> None:
    page.locator("#offset").scroll_into_view_if_needed()
    expect(page.locator(CHART_LINE).last).to_be_attached()
    expect(page.locator("#offset-plot")).not_to_have_attribute("aria-busy", "true")


def overflow_px(page: Page) -> int:
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


def points_of(page: Page) -> list[float | None]:
    """What the chart's median line shows, in the axis's unit."""
    points: list[float | None] = page.evaluate(
        "document.querySelector('.js-plotly-plot').data.at(-1).y"
    )
    return points


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


@pytest.mark.parametrize(("name", "step"), [("14d", "30 min"), ("90d", "2 h"), ("24h", "1 min")])
def test_range_when_chosen_then_the_chart_and_the_address_follow(
    open_page: OpenPage, fleet: DashboardProcess, name: str, step: str
) -> None:
    other = "14d" if name == "24h" else "24h"
    page = open_page(f"{fleet.url}/?range={other}")
    show_chart(page)

    page.get_by_role("link", name=name, exact=True).click()

    expect(page.locator("#offset-summary")).to_contain_text(f"in steps of {step};")
    expect(page.locator(f'[data-range="{name}"]')).to_have_attribute("aria-current", "true")
    assert f"range={name}" in page.url
    page.go_back()
    expect(page.locator(f'[data-range="{other}"]')).to_have_attribute("aria-current", "true")


def test_host_when_chosen_then_its_own_offsets_are_drawn(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(f"{fleet.url}/?range=14d")
    show_chart(page)

    page.get_by_label("Host", exact=True).select_option("edge-00")

    expect(page.locator("#offset-title")).to_have_text("Offset of edge-00")
    expect(page).to_have_url(re.compile("host=edge-00"))
    page.reload()
    expect(page.get_by_label("Host", exact=True)).to_have_value("edge-00")


def test_chart_when_there_is_a_hole_then_it_stays_one(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(f"{fleet.url}/?host=edge-01")
    show_chart(page)

    values = points_of(page)

    first = next(at for at, value in enumerate(values) if value is not None)
    last = max(at for at, value in enumerate(values) if value is not None)
    assert None in values[first:last]
    expect(page.locator("#offset-summary")).to_contain_text("1 gap.")


def test_chart_when_drawn_then_symmetric_about_zero_in_a_fitting_unit(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url)
    show_chart(page)

    low, high = page.evaluate("document.querySelector('.js-plotly-plot').layout.yaxis.range")
    assert low == -high
    expect(page.locator("#offset-plot .ytitle")).to_have_text("offset, µs")


def test_clip_when_chosen_then_the_scale_is_that_of_most_readings(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url)
    show_chart(page)
    top = "document.querySelector('.js-plotly-plot').layout.yaxis.range[1]"
    before = page.evaluate(top)

    page.get_by_role("button", name="clip extremes").click()

    page.wait_for_function(f"{top} < {before}")
    assert "clip=1" in page.url


def test_table_twin_when_opened_then_has_every_bucket(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(f"{fleet.url}/?range=14d")
    show_chart(page)

    page.get_by_text("Show as table").click()

    expect(page.locator("#offset-twin tbody tr")).to_have_count(672)


def test_chart_when_the_api_fails_then_the_old_one_stays_and_says_so(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, expected="503")
    show_chart(page)
    page.route("**/api/offset*", lambda route: route.fulfill(status=503, json={
        "error": {"code": "database_down", "message": "The database does not answer"},
    }))  # fmt: skip

    page.get_by_role("link", name="14d", exact=True).click()

    expect(page.locator("#offset-error")).to_contain_text("still shows the answer before")
    expect(page.locator(CHART_LINE).last).to_be_attached()


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
        page.screenshot(path=_picture("empty"))

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
        page.screenshot(path=_picture("database-down"))


def test_page_without_javascript_then_table_filters_and_search_work(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, java_script_enabled=False)
    expect(page.locator("tbody tr")).to_have_count(HOSTS)
    expect(page.get_by_text("The chart needs JavaScript;")).to_be_visible()
    expect(page.locator("#theme")).to_be_hidden()
    page.screenshot(path=_picture("no-javascript"), full_page=True)

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


def test_chart_when_a_finger_moves_over_it_then_the_page_may_scroll(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, **PHONE)
    show_chart(page)
    dragging = "document.querySelector('.js-plotly-plot').layout.dragmode"
    touch = "getComputedStyle(document.querySelector('#offset-plot .nsewdrag')).touchAction"

    assert page.evaluate(dragging) is False
    assert page.evaluate(touch) == "pan-y pinch-zoom"


def _open_with_clock(open_page: OpenPage, url: str, **options: Any) -> Page:
    """A page whose timers only run when the test says so."""
    page = open_page("about:blank", **options)
    page.clock.install()
    page.goto(url)
    return page


def _picture(name: str) -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS / f"{name}.png"
