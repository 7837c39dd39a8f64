"""Writes deploy/monitoring/prometheus-rule.yaml: the rules file as the operator's resource."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy/prometheus/rules.yaml"
RESOURCE = ROOT / "deploy/monitoring/prometheus-rule.yaml"
HEAD = """\
# The alerts of deploy/prometheus/rules.yaml. Change them there, then: scripts/copy_rules.py
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: ntp-checker
  labels:
    app.kubernetes.io/name: ntp-checker
    app.kubernetes.io/part-of: ntp-checker
spec:
"""


def resource_of(rules: str) -> str:
    """The rules' text under the resource's head; comments stay."""
    groups = rules[rules.index("groups:\n") :]
    return HEAD + "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(True))


if __name__ == "__main__":
    RESOURCE.write_text(resource_of(RULES.read_text(encoding="utf-8")), encoding="utf-8")
