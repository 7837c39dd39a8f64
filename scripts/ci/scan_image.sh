#!/bin/sh
# scan_image.sh checker|dashboard: fails on a fault that is grave and can be mended; writes the
# image's list of contents (CycloneDX) into sbom/.
set -eu
cd "$(dirname "$0")/../.."
image=$CI_REGISTRY_IMAGE/$1:$CI_COMMIT_SHA
export TRIVY_USERNAME="$CI_REGISTRY_USER" TRIVY_PASSWORD="$CI_REGISTRY_PASSWORD"
mkdir -p sbom
trivy image --format cyclonedx --output "sbom/$1.json" "$image"
trivy image --exit-code 1 --ignore-unfixed --severity HIGH,CRITICAL "$image"
