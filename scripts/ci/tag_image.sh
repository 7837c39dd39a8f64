#!/bin/sh
# tag_image.sh checker|dashboard: gives the image that was pushed for this commit the release's name, so
# that production runs what staging ran. Needs crane.
set -eu
image=$CI_REGISTRY_IMAGE/$1
crane auth login "$CI_REGISTRY" --username "$CI_REGISTRY_USER" --password-stdin <<EOF
$CI_REGISTRY_PASSWORD
EOF
if ! crane digest "$image:$CI_COMMIT_SHA"; then
    echo "no image of $CI_COMMIT_SHA: tag a commit whose pipeline on $CI_DEFAULT_BRANCH has pushed one" >&2
    exit 1
fi
crane tag "$image:$CI_COMMIT_SHA" "$CI_COMMIT_TAG"
