"""Secrets that are read again while we run, from the files they were read from at the start."""

from pathlib import Path

from ntp_checker.config.environment import read_secret, why
from ntp_checker.config.settings import check_database_url
from ntp_checker.errors import ConfigError


def read_database_url(path: Path) -> str:
    """The URL that is in the file now. Raises ConfigError, without any of its text."""
    try:
        text = read_secret(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"can't read {path}: {why(error)}") from error
    if not text:
        raise ConfigError(f"{path} is empty")
    try:
        return check_database_url(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
