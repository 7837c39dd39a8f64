"""docs/metrics.md lists what is served, word for word."""

import re
from pathlib import Path

import pytest

from tests.scrapes import families, full_checker_metrics, full_dashboard_metrics

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
PAGES = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
}
#: Roles of the database.
NO_METRICS = {"ntp_checker_reader", "ntp_checker_writer"}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) \| (.+) \|$", re.MULTILINE)
#: Made by each test: what the database said is believed for seconds only.
SERVED = {"The checker": full_checker_metrics, "The dashboard": full_dashboard_metrics}


def rows(heading: str) -> list[tuple[str, ...]]:
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [tuple(word.strip() for word in found.groups()) for found in ROW.finditer(section)]


@pytest.mark.parametrize("heading", list(SERVED))
def test_family_when_it_is_served_then_the_page_has_its_row(heading: str) -> None:
    assert sorted(rows(heading)) == sorted(families(SERVED[heading]().registry))


@pytest.mark.parametrize("page", list(PAGES))
def test_page_when_it_names_a_metric_then_it_is_served(page: str) -> None:
    served = set()
    for full_metrics in SERVED.values():
        for name, kind, _labels, _text in families(full_metrics().registry):
            ends = ("", "_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            served |= {name + end for end in ends}

    assert set(re.findall(r"\bntp_checker_\w+", PAGES[page])) - NO_METRICS <= served


@pytest.mark.parametrize("heading", list(SERVED))
def test_family_when_named_then_with_its_unit_last(heading: str) -> None:
    """As Prometheus wants it: base units, counters with _total, and nothing else with it."""
    for name, kind, _labels, _text in families(SERVED[heading]().registry):
        assert name.startswith("ntp_checker_")
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|us|ns|s|milliseconds|percent)$", name), name
