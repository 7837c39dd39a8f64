#!/bin/sh
# build_image.sh checker|dashboard: builds the image with what the machine has, BuildKit (rootless, no
# daemon) or buildah; with PUSH=1 also pushes it, by its commit.
set -eu
cd "$(dirname "$0")/../.."
part=$1
name=${CI_REGISTRY_IMAGE:-localhost/ntp-checker}/$part
# A runner clones as root, and builds as somebody else.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$PWD"
revision=${CI_COMMIT_SHA:-$(git rev-parse HEAD)}
# By the commit alone: a release is the same image under one more name (tag_image.sh).
version=0.0.0+$(printf %.8s "$revision")
# The commit's time, so that the same commit gives the same image.
epoch=$(git log -1 --format=%ct)

login() {
    [ "${PUSH:-}" = 1 ] || return 0
    mkdir -p "${DOCKER_CONFIG:=$HOME/.docker}"
    export DOCKER_CONFIG
    auth=$(printf '%s:%s' "$CI_REGISTRY_USER" "$CI_REGISTRY_PASSWORD" | base64 | tr -d '\n')
    (umask 077 && printf '{"auths":{"%s":{"auth":"%s"}}}' "$CI_REGISTRY" "$auth" \
        >"$DOCKER_CONFIG/config.json")
}

build_with_buildkit() {
    if [ "${PUSH:-}" = 1 ]; then
        output="type=image,name=$name:$revision,push=true,rewrite-timestamp=true"
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
    if [ "${PUSH:-}" = 1 ]; then buildah push "$name:$revision"; fi
}

login
if command -v buildctl-daemonless.sh >/dev/null; then
    build_with_buildkit
elif command -v buildah >/dev/null; then
    build_with_buildah
else
    echo "neither buildctl-daemonless.sh nor buildah is here" >&2
    exit 2
fi
