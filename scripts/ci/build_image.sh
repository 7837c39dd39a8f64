#!/bin/sh
# build_image.sh checker|dashboard: builds the image; with PUSH=1 also pushes it, by commit and, for
# a tag, by the tag. IMAGE_BUILDER is buildkit (rootless, no daemon) or buildah.
set -eu
cd "$(dirname "$0")/../.."
part=$1
name=${CI_REGISTRY_IMAGE:-localhost/ntp-checker}/$part
revision=${CI_COMMIT_SHA:-$(git rev-parse HEAD)}
version=${CI_COMMIT_TAG:-0.0.0+$(printf %.8s "$revision")}
# The commit's time, so that the same commit gives the same image.
epoch=$(git log -1 --format=%ct)
tags=$revision${CI_COMMIT_TAG:+ $CI_COMMIT_TAG}

login() {
    [ "${PUSH:-}" = 1 ] || return 0
    mkdir -p "${DOCKER_CONFIG:=$HOME/.docker}"
    export DOCKER_CONFIG
    auth=$(printf '%s:%s' "$CI_REGISTRY_USER" "$CI_REGISTRY_PASSWORD" | base64 | tr -d '\n')
    (umask 077 && printf '{"auths":{"%s":{"auth":"%s"}}}' "$CI_REGISTRY" "$auth" \
        >"$DOCKER_CONFIG/config.json")
}

build_with_buildkit() {
    names=''
    for tag in $tags; do names="$names${names:+,}$name:$tag"; done
    if [ "${PUSH:-}" = 1 ]; then
        output="type=image,\"name=$names\",push=true,rewrite-timestamp=true"
    else
        output="type=oci,dest=/dev/null,rewrite-timestamp=true"
    fi
    buildctl-daemonless.sh build --frontend dockerfile.v0 --progress plain \
        --local context=. --local dockerfile=. --opt "filename=Dockerfile.$part" \
        --opt "build-arg:PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.13-slim}" \
        --opt "build-arg:VERSION=$version" --opt "build-arg:REVISION=$revision" \
        --opt "build-arg:SOURCE_DATE_EPOCH=$epoch" --output "$output"
}

build_with_buildah() {
    # BUILDAH_OPTIONS: what this machine needs besides, such as its certificates; words, not one.
    # shellcheck disable=SC2086
    buildah build --isolation chroot --format docker --timestamp "$epoch" \
        ${BUILDAH_OPTIONS:-} \
        --build-arg "PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.13-slim}" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        --file "Dockerfile.$part" --tag "$name:$revision" .
    for tag in $tags; do
        buildah tag "$name:$revision" "$name:$tag"
        if [ "${PUSH:-}" = 1 ]; then buildah push "$name:$tag"; fi
    done
}

login
case ${IMAGE_BUILDER:-buildkit} in
    buildkit) build_with_buildkit ;;
    buildah) build_with_buildah ;;
    *) echo "IMAGE_BUILDER: buildkit or buildah, not $IMAGE_BUILDER" >&2 && exit 2 ;;
esac
