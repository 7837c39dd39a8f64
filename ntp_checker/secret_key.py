"""The key by which the dashboard signs its cookies, where none was given: made once and kept."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from ntp_checker.errors import ConfigError

_FILE_NAME = "secret_key"
_RANDOM_BYTES = 32


def kept_secret_key(folder: Path) -> str:
    """The key in this folder; afterwards it is there, readable by its owner only.

    Two that start at the same time get the same one. Raises ConfigError where it can't be kept.
    """
    path = folder / _FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
        raise ConfigError(
            f"NTP_CHECKER_DATA_DIR: can't keep the secret key in {path}: {reason}; "
            "or set NTP_CHECKER_SECRET_KEY"
        ) from error
    if len(key) < 2 * _RANDOM_BYTES:
        raise ConfigError(f"{path}: it is no whole key: remove it, and a new one is made")
    return key


def _make(path: Path) -> None:
    # Linked under its name once it is whole: nobody ever reads a part of it, and whoever comes
    # second takes the first one's.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE_NAME}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(_RANDOM_BYTES)}\n")
        with suppress(FileExistsError):
            Path(path).hardlink_to(name)
    finally:
        Path(name).unlink()
