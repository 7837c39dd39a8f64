#!/usr/bin/env python3
"""The checker: `python3 monitor.py ...` is `ntp-checker monitor ...`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  -- whatever python3 the system has may start this
    sys.exit("monitor.py: Python 3.11 or newer is needed: use .venv/bin/python3 monitor.py")

try:
    from ntp_checker.cli import main
except ModuleNotFoundError as err:
    if (err.name or "").partition(".")[0] == "ntp_checker":
        raise
    sys.exit(
        f"monitor.py: the Python package {err.name!r} is not there: "
        "run `make run` or use .venv/bin/python3 monitor.py"
    )

if __name__ == "__main__":
    sys.argv[1:1] = ["monitor"]
    main()
