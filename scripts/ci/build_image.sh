#!/bin/sh
# build_image.sh checker|dashboard: builds the image with what the machine has, BuildKit (rootless, no
# daemon) or buildah; with PUSH=1 also pushes it, by its commit.
set -eu
cd "$(dirname "$0")/../.."
part=$1
name=${CI_REGISTRY_IMAGE:-localhost/ntp-checker}/$part

# epoch_of 2026-12-01T02:03:39+01:00: seconds since 1970. The builders' images differ in what their
# date(1) reads, so the days are counted here (https://howardhinnant.github.io/date_algorithms.html).
# Leading zeros would make numbers octal: a 1 goes before each two digits, and comes off as 100.
epoch_of() {
    case $1 in
        ????-??-??T??:??:??Z) zone=Z offset_s=0 ;;
        ????-??-??T??:??:??[+-]??:??)
            zone=${1#*T????????} hour=1${zone#?} minute=1${zone##*:}
            offset_s=$((${zone%?????}1 * ((${hour%%:*} - 100) * 3600 + (minute - 100) * 60)))
            ;;
        *) echo "CI_COMMIT_TIMESTAMP: an ISO 8601 time with its zone, not '$1'" >&2 && return 2 ;;
    esac
    date=${1%%T*} clock=${1#*T} && clock=${clock%"$zone"}
    year=${date%%-*} month=1${date#*-} day=1${date##*-}
    month=$((${month%%-*} - 100)) day=$((day - 100))
    hour=1${clock%%:*} minute=1${clock#*:} second=1${clock##*:}
    second=$(((hour - 100) * 3600 + (${minute%%:*} - 100) * 60 + second - 100))
    # A year from March to February has its leap day last.
    if [ "$month" -le 2 ]; then year=$((year - 1)) month=$((month + 9)); else month=$((month - 3)); fi
    days=$((365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719469))
    echo $((days * 86400 + second - offset_s))
}

# A pipeline's checkout belongs to another account than the builder's, and git refuses such a one; the
# pipeline knows itself what is built. The commit's time, so that the same commit gives the same image.
if [ -n "${CI_COMMIT_SHA:-}" ]; then
    revision=$CI_COMMIT_SHA
    epoch=$(epoch_of "$CI_COMMIT_TIMESTAMP")
else
    revision=$(git rev-parse HEAD)
    epoch=$(git log -1 --format=%ct)
fi
# By the commit alone: a release is the same image under one more name (tag_image.sh).
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)+$(printf %.8s "$revision")

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
