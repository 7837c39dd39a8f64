#!/bin/sh
# Known faults of what we stand on, and a list of all of it (CycloneDX) in sbom/.
set -eu
cd "$(dirname "$0")/../.."
make venv
tools=.cache/audit
if [ ! -e "$tools/.made-from" ] || ! cmp -s requirements/audit.txt "$tools/.made-from"; then
    rm -rf "$tools"
    .venv/bin/python -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        --requirement requirements/audit.txt
    cp requirements/audit.txt "$tools/.made-from"
fi
mkdir -p sbom
"$tools/bin/cyclonedx-py" requirements --output-reproducible --output-file sbom/python.json \
    requirements/image.txt
# Exceptions stand in requirements/audit-exceptions.txt, each with its reason and the day it ends.
set --
today=$(date -u +%Y-%m-%d)
while read -r id until reason; do
    case $id in '' | '#'*) continue ;; esac
    if [ "$(printf '%s\n%s\n' "$today" "$until" | sort | head -n 1)" = "$today" ]; then
        set -- "$@" --ignore-vuln "$id"
    else
        echo "the exception for $id ended on $until: $reason" >&2
    fi
done <requirements/audit-exceptions.txt
"$tools/bin/pip-audit" --disable-pip --require-hashes --strict --progress-spinner off "$@" \
    --requirement requirements/run.txt --requirement requirements/image-apprise.txt
