"""The runbook as people see it."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.screens import DESK, PHONE, SMALLEST, OpenPage, overflow_px, picture
from tests.dashboard import DashboardProcess


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE, SMALLEST], ids=["1280", "390", "360"])
def test_runbook_when_a_mail_leads_there_then_the_entry_is_in_sight(
    open_page: OpenPage, fleet: DashboardProcess, device: dict[str, Any], scheme: str
) -> None:
    page = open_page(f"{fleet.url}/runbook#offset_high", color_scheme=scheme, **device)
    page.screenshot(path=picture(f"runbook-{scheme}-{device['viewport']['width']}"))

    expect(page.get_by_role("heading", name="offset_high")).to_be_in_viewport()
    assert overflow_px(page) == 0
