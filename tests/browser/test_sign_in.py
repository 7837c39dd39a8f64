"""The sign-in that a browser brings along, on the real dashboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.acceptance.processes import Service, page_url, settings_for, wait_for_page
from tests.browser.screens import OpenPage, show_chart
from tests.users import ADA, ADAS_PASSWORD

WAIT_S = 60.0


@pytest.fixture
def signed_dashboard(fleet_url: str, tmp_path: Path) -> Iterator[str]:
    """Where a dashboard of the mixed fleet listens that knows ada."""
    settings = settings_for(
        {},
        tmp_path,
        DATABASE_URL=fleet_url,
        NTP_CHECKER_AUTH="basic",
        NTP_CHECKER_USERS=f"ada:act:{ADA.password_hash}",
    )
    with Service("dashboard", settings=settings) as service:
        wait_for_page(service, "/readyz", timeout_s=WAIT_S)
        yield page_url(settings, "/")


def test_overview_when_the_browser_has_the_password_then_table_and_chart_are_there(
    open_page: OpenPage, signed_dashboard: str
) -> None:
    credentials = {"username": "ada", "password": ADAS_PASSWORD}
    page = open_page(signed_dashboard, http_credentials=credentials)

    expect(page.locator("tbody tr").first).to_be_visible()
    show_chart(page)
