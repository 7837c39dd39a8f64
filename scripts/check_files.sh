#!/bin/sh
# Lints what ruff and mypy do not read: our shell scripts and image recipes.
set -eu
cd "$(dirname "$0")/.."

find . \( -name .git -o -name .venv -o -name .cache -o -name node_modules \) -prune \
    -o -type f \( -name '*.sh' -o -path './.ci/run' \) -print0 | xargs -0 shellcheck

for recipe in Dockerfile*; do
    if [ -f "$recipe" ]; then hadolint "$recipe"; fi
done
