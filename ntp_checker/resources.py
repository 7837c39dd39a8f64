"""Where the schema and the migrations lie: in a checkout's root or inside the installed package."""

from pathlib import Path

from ntp_checker.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
#: the wheel's own copies first: a checkout has none, an installed wheel has nothing beside it
_PLACES = (_PACKAGE / "_sql", _PACKAGE.parent)


def sql_path(name: str) -> Path:
    """Absolute path of `schema.sql` or `migrations` in this checkout or installed wheel.

    Raises ConfigError if the installation lacks it.
    """
    for place in _PLACES:
        path = place / name
        if path.exists():
            return path
    raise ConfigError(f"{name} is missing from this installation of ntp-checker: install it again")
