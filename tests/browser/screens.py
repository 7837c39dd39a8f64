"""Screens that people have, and what every page is asked on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import SCREENSHOTS

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


def picture(name: str) -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS / f"{name}.png"
