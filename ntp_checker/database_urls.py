"""The databases' URLs as the settings give them: one that is from a file follows that file."""

from functools import partial
from pathlib import Path

from ntp_checker.config import Settings, read_database_url
from ntp_checker.store.conninfo import AnyUrl, DatabaseUrl, check_url


def database_url(settings: Settings) -> AnyUrl | None:
    """PostgreSQL's URL; None where the embedded server stands in. Raises ConfigError."""
    return _followed(settings.database_url, settings.database_url_path, "DATABASE_URL")


def database_read_url(settings: Settings) -> AnyUrl | None:
    """What the dashboard reads by; None where it is the same database. Raises ConfigError."""
    return _followed(
        settings.database_read_url, settings.database_read_url_path, "DATABASE_READ_URL"
    )


def _followed(url: str | None, path: Path | None, setting: str) -> AnyUrl | None:
    if url is None:
        return None
    check_url(url, setting)
    if path is None:
        return url
    return DatabaseUrl(url, setting=setting, read_again=partial(read_database_url, path))
