#!/bin/sh
# sign_image.sh checker|dashboard: signs what was pushed for this commit, by its digest, with the
# pipeline's own identity (SIGSTORE_ID_TOKEN).
set -eu
image=$CI_REGISTRY_IMAGE/$1:$CI_COMMIT_SHA
cosign login "$CI_REGISTRY" --username "$CI_REGISTRY_USER" --password-stdin <<EOF
$CI_REGISTRY_PASSWORD
EOF
digest=$(cosign triangulate --type digest "$image")
cosign sign --yes "$digest"
