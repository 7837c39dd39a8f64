#!/bin/sh
# tag_image.sh checker|dashboard: gives the image that was pushed for this commit the release's name, by
# its digest, so that production runs what staging ran. Needs skopeo.
set -eu
image=docker://$CI_REGISTRY_IMAGE/$1
skopeo login "$CI_REGISTRY" --username "$CI_REGISTRY_USER" --password-stdin <<EOF
$CI_REGISTRY_PASSWORD
EOF
if ! digest=$(skopeo inspect --no-tags --format '{{.Digest}}' "$image:$CI_COMMIT_SHA"); then
    echo "no image of $CI_COMMIT_SHA: tag a commit whose pipeline on $CI_DEFAULT_BRANCH has pushed one" >&2
    exit 1
fi
skopeo copy --all --preserve-digests "$image@$digest" "$image:$CI_COMMIT_TAG"
