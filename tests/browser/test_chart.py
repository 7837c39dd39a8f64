"""The offset chart as people use it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.screens import (
    CHART_LINE,
    PHONE,
    OpenPage,
    points_of,
    show_chart,
)
from tests.dashboard import DashboardProcess


@pytest.mark.parametrize(("name", "step"), [("14d", "30 min"), ("90d", "2 h"), ("24h", "1 min")])
def test_range_when_chosen_then_the_chart_and_the_address_follow(
    open_page: OpenPage, fleet: DashboardProcess, name: str, step: str
) -> None:
    other = "14d" if name == "24h" else "24h"
    page = open_page(f"{fleet.url}/?range={other}")
    show_chart(page)

    page.get_by_role("link", name=name, exact=True).click()

    expect(page.locator("#offset-summary")).to_contain_text(f"in steps of {step}.")
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


def test_chart_when_a_finger_moves_over_it_then_the_page_may_scroll(
    open_page: OpenPage, fleet: DashboardProcess
) -> None:
    page = open_page(fleet.url, **PHONE)
    show_chart(page)
    dragging = "document.querySelector('.js-plotly-plot').layout.dragmode"
    touch = "getComputedStyle(document.querySelector('#offset-plot .nsewdrag')).touchAction"

    assert page.evaluate(dragging) is False
    assert page.evaluate(touch) == "pan-y pinch-zoom"
