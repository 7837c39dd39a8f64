"""Where PostgreSQL is, as libpq wants to be told, and with what every session of ours has."""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ntp_checker.errors import ConfigError

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5
# A cut network is noticed in 10 + 3 x 5 s when idle, and in 20 s with data under way.
_TCP: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_SETTING = "DATABASE_URL"


class DatabaseUrl:
    """A database's URL that may be another one for each new connection.

    `read_again` says what it is now, and raises ConfigError while that can't be had: then the last
    good one serves. `setting` is the name by which people know it.
    """

    def __init__(self, url: str, *, setting: str, read_again: Callable[[], str]) -> None:
        self._good = url
        self._setting = setting
        self._read_again = read_again
        self._refused: str | None = None  #: why, so that it is said once

    def current(self) -> str:
        """The URL for a connection that is made now: one that libpq understands."""
        try:
            url = self._read_again()
            check_url(url, self._setting)
        except ConfigError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                log.error(  # noqa: TRY400 - the text says all
                    "database's URL refused, the last good one stays in force",
                    setting=self._setting,
                    reason=self._refused,
                )
            return self._good
        self._refused = None
        if url != self._good:
            self._good = url
            log.info("database's URL is another one", setting=self._setting)
        return url


#: A URL that stays, or one that may change.
AnyUrl = str | DatabaseUrl


def check_url(url: str, setting: str) -> None:
    """Raises ConfigError, which names the setting, if libpq does not understand it."""
    _parse(url, setting)


def conninfo_for(url: AnyUrl, *, application_name: str, options: str = "-c timezone=UTC") -> str:
    """`url`, as it is now, with our session settings; what the URL says itself comes first.

    Raises ConfigError if it is no connection string.
    """
    given = _parse(url.current() if isinstance(url, DatabaseUrl) else url, _SETTING)
    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": application_name,
        "client_encoding": "UTF8",
        **_TCP,
    }
    merged = {**ours, **{key: value for key, value in given.items() if value is not None}}
    merged["options"] = f"{options} {given.get('options') or ''}".strip()
    return make_conninfo("", **merged)


def _parse(url: str, setting: str) -> Mapping[str, Any]:
    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Not as its cause: libpq's own words may repeat a piece of the password.
        raise ConfigError(
            f"{setting} is no connection string: write postgresql://user@host/database, with "
            "special characters of the password as %40 and the like"
        ) from None
