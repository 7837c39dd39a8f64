"""A mail's HTML as it is sent, in a browser as wide as a phone or a reading pane, light and dark.

Pictures, and the HTML and text themselves, go to tests/browser/screenshots/.
"""

from email.policy import SMTP
from typing import Any

import pytest
from playwright.sync_api import Page

from ntp_checker.message import AlertNotice
from ntp_checker.model import ProblemCode, Severity, TransitionKind
from ntp_checker.notify.mime import make_mail
from tests.browser.screens import OpenPage, overflow_px, picture
from tests.notices import make_message, make_notice

GOOD_AGAIN: dict[str, Any] = {
    "kind": TransitionKind.RESOLVED,
    "ordinal": 2,
    "reason": "good again: clock is 1 ms ahead, limit 10 ms",
}
MAILS: dict[str, list[AlertNotice]] = {
    "opened": [make_notice()],
    "resolved": [make_notice(**GOOD_AGAIN)],
    "digest": [
        *(make_notice(f"edge-{n:02}.fra.example.org") for n in range(9)),
        *(
            make_notice(
                f"ntp{n}.ams.example.org",
                ProblemCode.HOST_UNREACHABLE,
                severity=Severity.CRITICAL,
                reason="no SSH session: connection refused, 203.0.113.7 port 22",
            )
            for n in range(30)
        ),
        make_notice("back.example.org", **GOOD_AGAIN),
    ],
    "long": [
        make_notice(
            "a-very-long-name-" * 8 + ".example.org",
            subject="2001:db8:1234:5678:9abc:def0:1234:5678",
            reason="clock-is-wrong-without-a-blank-" * 9,
        )
    ],
}


@pytest.fixture
def show(open_page: OpenPage) -> "OpenPage":
    """A mail's HTML part as a reader gets it; nothing may be fetched for it."""

    def show_it(name: str, width_px: int, scheme: str) -> Page:
        mail = make_mail(
            make_message(*MAILS[name]), sender="ntp@example.org", recipients=["ops@example.org"]
        )
        html = mail.get_body(("html",)).get_content()
        text = mail.get_body(("plain",)).get_content()
        picture(f"mail-{name}").with_suffix(".html").write_text(html, encoding="utf-8")
        picture(f"mail-{name}").with_suffix(".txt").write_text(text, encoding="utf-8")
        assert mail.as_bytes(policy=SMTP)
        page = open_page(
            "about:blank",
            viewport={"width": width_px, "height": 800},
            color_scheme=scheme,
            java_script_enabled=False,
            offline=True,
        )
        page.on("request", lambda request: pytest.fail(f"fetches {request.url}"))
        page.set_content(html)
        page.screenshot(path=picture(f"mail-{name}-{width_px}-{scheme}"), full_page=True)
        return page

    return show_it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [600, 360])
@pytest.mark.parametrize("name", MAILS)
def test_mail_when_shown_then_nothing_sticks_out(
    show: OpenPage, name: str, width_px: int, scheme: str
) -> None:
    page = show(name, width_px, scheme)

    assert overflow_px(page) == 0
