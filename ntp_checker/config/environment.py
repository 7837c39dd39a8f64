"""The environment's part of the settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ntp_checker.config.mistakes import Mistakes
from ntp_checker.config.settings import FIELDS, SECRETS, UNPREFIXED
from ntp_checker.config.values import suggest

PREFIX = "NTP_CHECKER_"
#: Names the settings file.
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
HOSTS_VARIABLE = f"{PREFIX}HOSTS"

# Kubernetes puts such variables into every container for each Service of the namespace, so one
# named ntp-checker… would otherwise look like a misspelt setting.
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_[0-9]+_(TCP|UDP)(_\w+)?)?)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the environment says of a setting."""

    text: str
    name: str  #: of the variable
    path: Path | None = None  #: of the file it names for the value


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return field.upper() if field in UNPREFIXED else PREFIX + field.upper()


def note_unknown_variables(environ: Mapping[str, str], mistakes: Mistakes) -> None:
    """Each variable that begins as ours do and is none is a mistake."""
    known = {variable_of(field) for field in FIELDS} | {CONFIG_VARIABLE}
    known |= {f"{variable_of(field)}_FILE" for field in SECRETS}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not _SERVICE_LINK.search(name):
            mistakes.add(f"{name}: no such setting{suggest(name, known)}")


def read_variable(environ: Mapping[str, str], field: str, mistakes: Mistakes) -> Given | None:
    """A setting's text; None where it is not set or blank."""
    name = variable_of(field)
    text = environ.get(name, "").strip()
    file_name = environ.get(f"{name}_FILE", "").strip() if field in SECRETS else ""
    if not file_name:
        return Given(text=text, name=name) if text else None
    if text:
        mistakes.add(f"{name} and {name}_FILE are both set: keep one")
        return None
    try:
        text = read_secret(file_name)
    except (OSError, ValueError, RuntimeError) as error:
        mistakes.add(f"{name}_FILE: can't read {file_name}: {why(error)}")
        return None
    if not text:
        mistakes.add(f"{name}_FILE: {file_name} is empty")
        return None
    return Given(text=text, name=f"{name}_FILE", path=Path(file_name))


def read_secret(file_name: str) -> str:
    """A secret's file, without blanks and ends of line around it.

    Raises OSError, ValueError, or RuntimeError for a home that does not exist.
    """
    # Editors and `kubectl create secret --from-file` leave an end of line behind.
    return Path(file_name).expanduser().read_text(encoding="utf-8").strip()


def why(error: Exception) -> str:
    """The reason in an operating system's error, without the file's name again."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
