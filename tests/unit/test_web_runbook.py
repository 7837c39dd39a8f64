"""The runbook's Markdown as a page."""

import pytest

from ntp_checker.web.runbook import read_runbook

TEXT = """# Title

Before all.

## offset_high

**Means.** See [another](#falseticker).

1. One cause

Run

    chronyc -n tracking

## falseticker

<img src=x onerror=alert(1)> [here](javascript:alert(1))
"""


def test_runbook_when_read_then_an_entry_for_each_heading() -> None:
    assert [entry.name for entry in read_runbook(TEXT).entries] == ["offset_high", "falseticker"]


def test_intro_when_read_then_without_the_title() -> None:
    assert read_runbook(TEXT).intro_html == "<p>Before all.</p>\n"


@pytest.mark.parametrize(
    "html",
    [
        '<strong>Means.</strong> See <a href="#falseticker">another</a>.',
        "<ol>\n<li>One cause</li>\n</ol>",
        "<pre><code>chronyc -n tracking\n</code></pre>",
    ],
)
def test_entry_when_read_then_marked_up(html: str) -> None:
    assert html in read_runbook(TEXT).entries[0].html


def test_html_when_in_the_text_then_only_text() -> None:
    html = read_runbook(TEXT).entries[1].html

    assert "&lt;img src=x" in html
    assert "<img" not in html
    assert "<a" not in html
