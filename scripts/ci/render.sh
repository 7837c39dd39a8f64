#!/bin/sh
# Manifests, pipeline and compose file against their schemas. Needs node and, where there is no
# kustomize 5, Debian's apt-get.
set -eu
cd "$(dirname "$0")/../.."
make dev
.venv/bin/python -m scripts.check_manifests
