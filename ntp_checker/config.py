"""Settings: the environment over the defaults, every mistake found at once."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ntp_checker.errors import ConfigError
from ntp_checker.model import Host
from ntp_checker.targets import parse_targets

PREFIX = "NTP_CHECKER_"

#: A look takes at most this long by default, however long the interval is.
MAX_DEFAULT_DEADLINE_S = 10.0
#: The part of an interval a look may take by default, so that looks never overlap.
DEADLINE_INTERVAL_RATIO = 0.8
#: gpsd reports once a second; reading it more often than this tells nothing new.
MIN_GPS_INTERVAL_S = 10.0

# Kubernetes puts such variables into every container for each Service of the namespace, so one
# named ntp-checker… would otherwise look like a misspelt setting.
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_[0-9]+_(TCP|UDP)(_\w+)?)?)$")


class Listen(BaseModel):
    """Where a server listens."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _split_listen(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.\-]*)):([0-9]{1,5})", value)
    if not match:
        raise ValueError("write address:port, an IPv6 address in brackets")
    return Listen(host=match[1] or match[2] or "0.0.0.0", port=int(match[3]))  # noqa: S104


def _check_database_url(value: str) -> str:
    try:
        scheme = urlsplit(value).scheme
    except ValueError:  # its text would quote a piece of the password
        scheme = ""
    if scheme not in ("postgresql", "postgres"):
        raise ValueError("write postgresql://user:password@host:5432/database")
    return value


def _expand_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("there is no such home directory: write the whole path") from None


_ListenField = Annotated[Listen, BeforeValidator(_split_listen)]
_DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
_Path = Annotated[Path, AfterValidator(_expand_home)]
_Seconds = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]


def _default_data_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/ntp-checker")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state) / "ntp-checker"


class Settings(BaseModel):
    """Everything a user can set; `NTP_CHECKER_` + the name in capitals is the variable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: _DatabaseUrl | None = None  #: None: the embedded server
    database_read_url: _DatabaseUrl | None = None  #: for the dashboard; None: database_url
    embedded: bool = True  #: False: no embedded server, DATABASE_URL is a must
    hosts: tuple[Host, ...] = ()
    #: Spool, embedded server.
    data_dir: _Path = Field(default_factory=_default_data_dir, validate_default=True)
    interval_s: _Seconds = 30.0  #: between two looks at one host
    deadline_s: _Seconds | None = None  #: of one look; None: min(10, 0.8 x interval)
    ssh_key_path: _Path = Field(default=Path("~/.ssh/id_ed25519"), validate_default=True)
    ssh_known_hosts_path: _Path = Field(default=Path("~/.ssh/known_hosts"), validate_default=True)
    ssh_user: str | None = None  #: where a target names none; None: the account we run as
    listen: _ListenField = Listen(host="127.0.0.1", port=8080)  #: dashboard
    public_url: str | None = None  #: how people reach the dashboard
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90  #: of raw rows
    premake_days: Annotated[int, Field(ge=0, le=366)] = 14  #: partitions made ahead
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        if self.deadline_s is not None and self.deadline_s > self.interval_s:
            raise ValueError(
                f"{PREFIX}DEADLINE_S: {self.deadline_s:g} is longer than the interval, "
                f"{self.interval_s:g} s: looks would overlap"
            )
        return self

    @property
    def look_deadline_s(self) -> float:
        """How long one look may take."""
        if self.deadline_s is not None:
            return self.deadline_s
        return min(MAX_DEFAULT_DEADLINE_S, DEADLINE_INTERVAL_RATIO * self.interval_s)

    @property
    def gps_interval_s(self) -> float:
        """How often GPS is read, on its own channel beside the looks."""
        return max(self.interval_s, MIN_GPS_INTERVAL_S)


#: Variables whose value may be a secret: each can also be given as NAME_FILE.
_SECRETS = ("database_url", "database_read_url")
_UNPREFIXED = ("database_url", "database_read_url")


def variable_of(field: str) -> str:
    """The environment variable of a setting."""
    return field.upper() if field in _UNPREFIXED else PREFIX + field.upper()


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in this environment; an empty variable counts as not set.

    Raises ConfigError that lists every mistake, each with its variable.
    """
    mistakes = _unknown_variables(environ)
    values: dict[str, object] = {}
    for field in Settings.model_fields:
        try:
            text = _read_variable(environ, field)
            if text is not None:
                values[field] = text
        except ConfigError as error:
            mistakes.append(str(error))
    if isinstance(hosts := values.pop("hosts", None), str):
        try:
            user = values.get("ssh_user")
            values["hosts"] = parse_targets(hosts, user if isinstance(user, str) else None)
        except ConfigError as error:
            mistakes.append(f"{PREFIX}HOSTS: {error}")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(mistakes + _say_mistakes(error))) from None
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return settings


def _read_variable(environ: Mapping[str, str], field: str) -> str | None:
    name = variable_of(field)
    text = environ.get(name, "").strip()
    file_name = environ.get(f"{name}_FILE", "").strip() if field in _SECRETS else ""
    if not file_name:
        return text or None
    if text:
        raise ConfigError(f"{name} and {name}_FILE are both set: keep one")
    try:
        # Editors and `kubectl create secret --from-file` leave an end of line behind.
        return _expand_home(Path(file_name)).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}_FILE: can't read {file_name}: {error}") from error


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {variable_of(field) for field in Settings.model_fields}
    known |= {f"{variable_of(field)}_FILE" for field in _SECRETS}
    return [
        f"{name}: no such setting{_suggest(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not _SERVICE_LINK.search(name)
    ]


def _suggest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _say_mistakes(error: ValidationError) -> list[str]:
    mistakes = []
    for mistake in error.errors(include_url=False):
        reason = str(mistake["msg"]).removeprefix("Value error, ")
        if not mistake["loc"]:  # from _check_together, which names its variable itself
            mistakes.append(reason)
            continue
        field = str(mistake["loc"][0])
        shown = "" if field in _SECRETS else f" {mistake['input']!r}:"
        mistakes.append(f"{variable_of(field)}:{shown} {reason}")
    return mistakes
