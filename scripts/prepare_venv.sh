#!/bin/sh
# prepare_venv.sh run|dev: the virtual environment in .venv with the locked packages and this
# project on it. The second call finds the stamp and ends at once.
set -eu

lock=$1
cd "$(dirname "$0")/.."
here=$(pwd -P)

say() { printf '%s\n' "$*" >&2; }

# What the environment was made from: another place, Python or lock makes it anew.
fingerprint() { cksum "requirements/$1.txt" pyproject.toml; printf '%s\n' "$here"; }

is_ready() {
    [ -f ".venv/.ready-$1" ] && [ "$(fingerprint "$1")" = "$(cat ".venv/.ready-$1")" ] \
        && .venv/bin/python -c '' 2>/dev/null
}

# Prints the newest usable Python from 3.11 on; says why each candidate was passed over if none is.
find_python() {
    passed=''
    for name in python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        path=$(command -v "$name" 2>/dev/null) || continue
        if ! "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            passed="$passed
  $path: $("$path" --version 2>/dev/null || echo 'does not start'), 3.11 or newer is needed"
        elif ! "$path" -c 'import venv, ensurepip' 2>/dev/null; then
            version=$("$path" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            passed="$passed
  $path: has no venv module (Debian, Ubuntu: apt-get install python$version-venv)"
        else
            printf '%s\n' "$path"
            return
        fi
    done
    say "ntp-checker needs Python 3.11 or newer with its venv module; found:${passed:- none}"
    return 1
}

# The development lock holds everything of the run lock in the same versions.
if is_ready "$lock" || { [ "$lock" = run ] && is_ready dev; }; then
    exit 0
fi

# An environment made elsewhere names the old place in every script: make it anew.
if [ -e .venv ] && ! { .venv/bin/python -c '' 2>/dev/null \
    && [ "$(cat .venv/.place 2>/dev/null)" = "$here" ]; }; then
    say "making .venv anew: it was made in another place, or its Python is gone"
    rm -rf .venv
fi
if [ ! -e .venv ]; then
    python=$(find_python)
    say "making .venv with $python"
    "$python" -m venv .venv || { rm -rf .venv; say "$python -m venv .venv failed"; exit 1; }
    printf '%s\n' "$here" >.venv/.place
fi

install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }

say "installing the packages of requirements/$lock.txt"
install --require-hashes -r "requirements/$lock.txt" || {
    say "that failed; trying once more"
    install --require-hashes -r "requirements/$lock.txt" || {
        say "pip could not install requirements/$lock.txt: see its message above (no network?)"
        exit 1
    }
}
install --no-deps --no-build-isolation --editable . || {
    say "pip could not install ntp-checker itself: see its message above"
    exit 1
}
fingerprint "$lock" >".venv/.ready-$lock"
