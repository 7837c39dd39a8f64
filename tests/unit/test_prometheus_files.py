"""Rules, their resource for the operator, and the Grafana dashboard name what there is."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from ntp_checker.model import ProblemCode
from scripts.copy_rules import RESOURCE, resource_of
from tests.rig.parts import find_part
from tests.runbook import ENTRIES
from tests.scrapes import families, full_checker_metrics, full_dashboard_metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = (DEPLOY / "prometheus/rules.yaml").read_text(encoding="utf-8")
TESTS = yaml.safe_load((DEPLOY / "prometheus/rules_test.yaml").read_text(encoding="utf-8"))
GRAFANA = json.loads((DEPLOY / "grafana/ntp-checker.json").read_text(encoding="utf-8"))
REGISTRIES = {
    "checker": full_checker_metrics().registry,
    "dashboard": full_dashboard_metrics().registry,
}
SERVED = {
    (name, kind): set(labels.split(", ")) - {""} | ({"le"} if kind == "histogram" else set())
    for registry in REGISTRIES.values()
    for name, kind, labels, _text in families(registry)
}
#: What Prometheus itself adds, the third in Kubernetes.
TARGET_LABELS = {"job", "instance", "namespace"}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    in_grafana = [
        target["expr"] for panel in GRAFANA["panels"] for target in panel.get("targets", ())
    ]
    return [rule["expr"] for rule in rules()] + in_grafana


def names(text: str) -> set[str]:
    return set(re.findall(r"\bntp_checker_\w+", text))


def codes_of(rule: dict[str, Any]) -> set[str]:
    """Those that its expression asks for, or that its link to the runbook names."""
    expression = rule["expr"]
    asked = re.findall(r'\bcode=~?"([^"]*)"', expression)
    linked = re.findall(r"/runbook#(\w+)", rule["annotations"]["runbook_url"])
    return {
        code.value
        for code in ProblemCode
        if code.value in linked or any(re.fullmatch(one, code.value) for one in asked)
    }


def served_names() -> set[str]:
    """As queries write them: of a histogram its buckets, sum and count."""
    found = set()
    for name, kind in SERVED:
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + end for end in ends}
    return found


@pytest.mark.parametrize(
    "text", [RULES, json.dumps(GRAFANA), *expressions()], ids=lambda text: text[:40]
)
def test_metric_when_a_file_names_it_then_it_is_served(text: str) -> None:
    assert names(text) <= served_names()


@pytest.mark.parametrize("expression", expressions())
def test_label_when_an_expression_names_it_then_one_of_its_metrics_has_it(expression: str) -> None:
    asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    for inner in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expression):
        asked |= {label.strip() for label in inner.split(",")}
    had = set(TARGET_LABELS)
    for (name, _kind), labels in SERVED.items():
        if any(found.startswith(name) for found in names(expression)):
            had |= labels

    assert asked <= had


def test_resource_when_rules_change_then_copied() -> None:
    assert RESOURCE.read_text(encoding="utf-8") == resource_of(RULES)


def test_resource_when_read_then_the_same_groups() -> None:
    resource = yaml.safe_load(RESOURCE.read_text(encoding="utf-8"))

    assert resource["spec"]["groups"] == yaml.safe_load(RULES)["groups"]


@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules()])
def test_alert_when_it_is_a_rule_then_its_firing_and_its_silence_are_tested(alert: str) -> None:
    tried = [
        bool(one.get("exp_alerts"))
        for case in TESTS["tests"]
        for one in case["alert_rule_test"]
        if one["alertname"] == alert
    ]

    assert {True, False} <= set(tried)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_when_it_fires_then_it_has_a_severity(rule: dict[str, Any]) -> None:
    """Of its own, or that of the problem."""
    own = rule.get("labels", {}).get("severity")

    assert own in ("warning", "critical") or "ntp_checker_host_problems" in rule["expr"]


@pytest.mark.parametrize("code", ProblemCode)
def test_code_when_the_checker_has_it_then_a_rule_tells_of_it(code: ProblemCode) -> None:
    assert any(code.value in codes_of(rule) for rule in rules())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_when_it_fires_then_it_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    """To a code's entry of the runbook, or to the alert's own line in the operations guide."""
    url = rule["annotations"]["runbook_url"]
    if url.startswith("{{ $externalLabels.dashboard }}/runbook"):
        assert codes_of(rule)
        assert set(re.findall(r"/runbook#(\w+)", url)) <= ENTRIES.keys()
    else:
        page, _, anchor = url.partition("#")
        text = (DEPLOY.parent / page).read_text(encoding="utf-8")
        sections = {
            heading.lower().replace(" ", "-"): body
            for heading, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE)
        }
        assert f"| `{rule['alert']}` |" in sections[anchor]


@pytest.mark.parametrize(
    "rule",
    [rule for rule in rules() if "host_problems" in rule["expr"] and "for" in rule],
    ids=lambda rule: rule["alert"],
)
def test_wait_when_what_is_found_may_change_then_no_change_begins_it_anew(
    rule: dict[str, Any],
) -> None:
    """One label is what one rule waits for: the severity never, a code only by itself."""
    found = rule["expr"]
    single = re.search(r'\bcode="', found) or "disagrees_with_fleet" in found

    if "leap_pending" not in found:  # of one severity
        assert f"without ({'severity' if single else 'severity, code'})" in found


@pytest.mark.parametrize("component", list(REGISTRIES))
def test_metrics_when_promtool_reads_them_then_no_word(component: str) -> None:
    registry: CollectorRegistry = REGISTRIES[component]
    linted = subprocess.run(
        [find_part("promtool"), "check", "metrics"],
        input=generate_latest(registry),
        capture_output=True,
    )

    assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")


def test_panels_when_drawn_then_none_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in GRAFANA["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
