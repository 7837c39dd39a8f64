"""Where this installation has its command, its SQL and its runbook."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ntp_checker.errors import ConfigError

COMMAND = "ntp-checker"
_PACKAGE = Path(__file__).resolve().parent
#: the wheel's own copies first: a checkout has none, an installed wheel has nothing beside it
_SQL_PLACES = (_PACKAGE / "_sql", _PACKAGE.parent)
_DOCS_PLACES = (_PACKAGE / "_docs", _PACKAGE.parent / "docs")


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
    return _find(name, _SQL_PLACES)


def runbook_path() -> Path:
    """Absolute path of `runbook.md`. Raises ConfigError if the installation lacks it."""
    return _find("runbook.md", _DOCS_PLACES)


def _find(name: str, places: Sequence[Path]) -> Path:
    for place in places:
        path = place / name
        if path.exists():
            return path
    raise ConfigError(f"{name} is missing from this installation of ntp-checker: install it again")
