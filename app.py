#!/usr/bin/env python3
"""The dashboard: `python3 app.py ...` is `ntp-checker dashboard ...`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  -- whatever python3 the system has may start this
    sys.exit("app.py: Python 3.11 or newer is needed: use .venv/bin/python3 app.py")

try:
    from ntp_checker.cli import main
except ModuleNotFoundError as err:
    if (err.name or "").partition(".")[0] == "ntp_checker":
        raise
    sys.exit(
        f"app.py: the Python package {err.name!r} is not there: "
        "run `make run` or use .venv/bin/python3 app.py"
    )

if __name__ == "__main__":
    sys.argv[1:1] = ["dashboard"]
    main()
