#!/bin/sh
# promote_image.sh checker|dashboard: looks for the image that was pushed for this commit. If there is
# one its digest is left in promoted/, which keeps build_image.sh from building another, and a tag's
# pipeline names the same image by the tag.
set -eu
cd "$(dirname "$0")/../.."
part=$1
image=docker://$CI_REGISTRY_IMAGE/$part

skopeo login "$CI_REGISTRY" --username "$CI_REGISTRY_USER" --password-stdin <<EOF
$CI_REGISTRY_PASSWORD
EOF
mkdir -p promoted
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! skopeo inspect --no-tags --format '{{.Digest}}' "$image:$CI_COMMIT_SHA" \
    >"$work/digest" 2>"$work/told"; then
    # Only a registry that knows of none says there is none: all else must not lead to a second image.
    if grep -Eqi 'manifest unknown|name unknown|repository .*not known' "$work/told"; then
        echo "no $part of $CI_COMMIT_SHA yet: it is to be built"
        exit 0
    fi
    cat "$work/told" >&2
    exit 1
fi
digest=$(cat "$work/digest")
if [ -n "${CI_COMMIT_TAG:-}" ]; then
    skopeo copy --all --preserve-digests "$image@$digest" "$image:$CI_COMMIT_TAG"
fi
cp "$work/digest" "promoted/$part"
echo "$part of $CI_COMMIT_SHA is $digest${CI_COMMIT_TAG:+, and now $CI_COMMIT_TAG}"
