#!/bin/sh
# Types, strictly.
set -eu
cd "$(dirname "$0")/../.."
make dev
.venv/bin/mypy
