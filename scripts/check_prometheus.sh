#!/bin/sh
# Checks the rules for Prometheus and runs their tests, with Debian's promtool.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-.venv/bin/python}
promtool=$("$PYTHON" -c 'from tests.rig.parts import find_part; print(find_part("promtool"))')

"$promtool" check rules deploy/prometheus/rules.yaml
"$promtool" test rules deploy/prometheus/rules_test.yaml
