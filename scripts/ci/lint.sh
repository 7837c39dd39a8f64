#!/bin/sh
# Style, imports, shell scripts and image recipes.
set -eu
cd "$(dirname "$0")/../.."
make dev
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/python -m pytest -q tests/unit/test_imports.py
PATH="$PWD/.venv/bin:$PATH" scripts/check_files.sh
