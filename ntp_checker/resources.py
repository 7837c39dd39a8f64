"""Where this installation has its command, and the SQL that lies at a checkout's root."""

import shutil
import sys
from pathlib import Path

from ntp_checker.errors import ConfigError

COMMAND = "ntp-checker"
_PACKAGE = Path(__file__).resolve().parent
#: the wheel's own copies first: a checkout has none, an installed wheel has nothing beside it
_PLACES = (_PACKAGE / "_sql", _PACKAGE.parent)


def command_name() -> str:
    """How this installation's command is called by who reads our hints: a path where PATH lacks it."""
    if shutil.which(COMMAND):
        return COMMAND
    beside = Path(sys.executable).parent / COMMAND
    try:
        return str(beside.relative_to(Path.cwd()))
    except ValueError:
        return str(beside)


def sql_path(name: str) -> Path:
    """Absolute path of `schema.sql` or `migrations` in this checkout or installed wheel.

    Raises ConfigError if the installation lacks it.
    """
    for place in _PLACES:
        path = place / name
        if path.exists():
            return path
    raise ConfigError(f"{name} is missing from this installation of ntp-checker: install it again")
