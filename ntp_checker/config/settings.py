"""Everything a user can set, with its type, its range and its default."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from ntp_checker.config.addresses import check_address, split_addresses
from ntp_checker.model import (
    DEFAULT_LIMITS,
    AlertPolicy,
    Auth,
    ChannelSettings,
    Host,
    Limits,
    Role,
    Route,
    User,
)
from ntp_checker.targets import USER_PATTERN, parse_target

#: A look takes at most this long by default, however long the interval is.
MAX_DEFAULT_DEADLINE_S = 10.0
#: The part of an interval a look may take by default, so that looks never overlap.
DEADLINE_INTERVAL_RATIO = 0.8
#: As many as 128 random bits have in hex.
MIN_SECRET_KEY_CHARS = 32
#: gpsd reports once a second; reading it more often than this tells nothing new.
MIN_GPS_INTERVAL_S = 10.0
#: Where metrics are served on loopback if nothing else is said.
CHECKER_METRICS_PORT = 9123
DASHBOARD_METRICS_PORT = 9124


class Listen(BaseModel):
    """Where a server listens."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: Annotated[int, Field(ge=0, le=65535)]

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def next_port(self) -> "Listen":
        """The same address, one port higher; where there is none, and of 0: any free one, 0."""
        return Listen(host=self.host, port=self.port + 1 if 0 < self.port < 65535 else 0)


def _split_listen(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.\-]*)):([0-9]{1,5})", value)
    if not match:
        raise ValueError("write address:port, an IPv6 address in brackets")
    return Listen(host=match[1] or match[2] or "0.0.0.0", port=int(match[3]))  # noqa: S104


def check_database_url(value: str) -> str:
    """Raises ValueError if it is none, without any of its text."""
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


def _check_public_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("write https://host or https://host/path")
    return value


def _check_secret_key(value: str) -> str:
    if len(value) < MIN_SECRET_KEY_CHARS:
        raise ValueError(
            f"shorter than {MIN_SECRET_KEY_CHARS} characters: make one with `openssl rand -hex 32`"
        )
    return value


def _check_heartbeat_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?(\?[^\s#]*)?", value):
        raise ValueError("write https://host/path, without an account")
    return value


def _check_user(value: str) -> str:
    if not re.fullmatch(USER_PATTERN, value):
        raise ValueError("this is no account's name")
    return value


def _check_addresses(value: str) -> str:
    return ",".join(split_addresses(value))


def _url_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


_ListenField = Annotated[
    Listen,
    BeforeValidator(_split_listen),
    WithJsonSchema({"type": "string", "pattern": ":[0-9]{1,5}$"}),
]
_DatabaseUrl = Annotated[
    str, AfterValidator(check_database_url), _url_schema("^[Pp][Oo][Ss][Tt][Gg][Rr][Ee][Ss]")
]
_PublicUrl = Annotated[str, AfterValidator(_check_public_url), _url_schema("^https?://")]
_SecretKey = Annotated[
    str,
    AfterValidator(_check_secret_key),
    WithJsonSchema({"type": "string", "minLength": MIN_SECRET_KEY_CHARS}),
]
_HeartbeatUrl = Annotated[str, AfterValidator(_check_heartbeat_url), _url_schema("^https?://")]
_User = Annotated[str, AfterValidator(_check_user)]
_Address = Annotated[str, AfterValidator(check_address)]
_Addresses = Annotated[str, AfterValidator(_check_addresses)]
_Path = Annotated[Path, AfterValidator(_expand_home)]
_Seconds = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]


def _default_data_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/ntp-checker")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state) / "ntp-checker"


class Settings(BaseModel):
    """All settings in force. A docstring here is also what editors and the documentation show."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    database_url: _DatabaseUrl | None = None
    """PostgreSQL, `postgresql://user:password@host:5432/database`. Left out: the embedded server."""
    database_read_url: _DatabaseUrl | None = None
    """The dashboard's PostgreSQL, a read-only role or a replica. Left out: `database_url`."""
    embedded: bool = True
    """Whether the embedded server may stand in where there is no `database_url`."""
    hosts: tuple[Host, ...] = ()
    """Hosts to watch."""
    data_dir: _Path = Field(default_factory=_default_data_dir, validate_default=True)
    """Folder of the spool and the embedded server."""
    interval_s: _Seconds = 30.0
    """Seconds between two looks at one host."""
    deadline_s: _Seconds | None = None
    """Seconds that one look may take. Left out: min(10, 0.8 x interval)."""
    database_away_s: _Seconds = 60.0
    """Seconds that a sample waits for the database before alerts are sent without it."""
    ssh_key_path: _Path = Field(default=Path("~/.ssh/id_ed25519"), validate_default=True)
    """Private key without a passphrase."""
    ssh_known_hosts_path: _Path = Field(default=Path("~/.ssh/known_hosts"), validate_default=True)
    """Host keys that are trusted."""
    ssh_user: _User | None = None
    """Account on hosts whose target names none. Left out: the checker's own account."""
    listen: _ListenField = Listen(host="127.0.0.1", port=8080)
    """The dashboard's address and port; an IPv6 address in brackets."""
    metrics_listen: _ListenField | None = None
    """Where Prometheus reads, never the public port. Left out: 127.0.0.1:9123, dashboard 9124."""
    public_url: _PublicUrl | None = None
    """How people reach the dashboard; with https:// it sends HSTS."""
    auth: Literal["none", "basic"] = "none"
    """How people sign in to the dashboard: not at all, or with name and password (HTTP Basic)."""
    auth_none_anywhere: bool = False
    """Whether a dashboard without sign-in may listen beyond loopback: everybody may do all there."""
    users: tuple[User, ...] = ()
    """Who may sign in."""
    secret_key: _SecretKey | None = Field(default=None, repr=False)
    """Signs the dashboard's cookies. Left out: made once and kept in `data_dir`."""
    spool_max_mib: Annotated[int, Field(ge=64, le=1_048_576)] = 8_192
    """MiB that the spool's file may take; from three quarters of it on samples are thinned out."""
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """Days that the rows of single looks are kept."""
    premake_days: Annotated[int, Field(ge=0, le=366)] = 14
    """Days that partitions are made ahead."""
    archive_days: Annotated[int, Field(ge=1, le=36_500)] = 400
    """Days that rollups, and alerts that ended, are kept."""
    store_position: bool = False
    """Whether a receiver's position may be kept in stored texts. False: it is cut at once."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged, on stderr."""
    ses_from: _Address | None = None
    """Sender of mails through Amazon SES; makes the channel `ses`, with `ses_to`."""
    ses_to: _Addresses | None = None
    """Recipients of that channel, with commas."""
    heartbeat_url: _HeartbeatUrl | None = None
    """Called while all is well, so that its service tells you when the checker is not."""
    database_url_path: Path | None = None
    """File that `database_url` is from, and is read from again for each new connection."""
    database_read_url_path: Path | None = None
    """The same for `database_read_url`."""
    plain_limits: Limits = DEFAULT_LIMITS[Role.SERVER]
    """Limits of a target that is none of the configured hosts."""
    channels: tuple[ChannelSettings, ...] = ()
    """The ways on which alerts go out."""
    routes: tuple[Route, ...] = ()
    """Which alerts go to which channels; without any, all to all."""
    alert_policy: AlertPolicy = AlertPolicy()
    """When a problem becomes an alert, and when it is over."""

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        if self.deadline_s is not None and self.deadline_s > self.interval_s:
            raise ValueError(
                f"{self.deadline_s:g} is longer than the interval, {self.interval_s:g} s: "
                "looks would overlap"
            )
        return self

    @property
    def look_deadline_s(self) -> float:
        """How long one look may take."""
        if self.deadline_s is not None:
            return self.deadline_s
        return min(MAX_DEFAULT_DEADLINE_S, DEADLINE_INTERVAL_RATIO * self.interval_s)

    @property
    def spool_max_bytes(self) -> int:
        """What the spool's file may take; its write-ahead log comes on top."""
        return self.spool_max_mib * 1024**2

    @property
    def checker_metrics_listen(self) -> Listen:
        """Where the checker serves its metrics."""
        return self.metrics_listen or Listen(host="127.0.0.1", port=CHECKER_METRICS_PORT)

    @property
    def dashboard_metrics_listen(self) -> Listen:
        """Where the dashboard serves its metrics."""
        return self.metrics_listen or Listen(host="127.0.0.1", port=DASHBOARD_METRICS_PORT)

    @property
    def gps_interval_s(self) -> float:
        """How often GPS is read, on its own channel beside the looks."""
        return max(self.interval_s, MIN_GPS_INTERVAL_S)

    @property
    def sign_in(self) -> Auth:
        """How people sign in to the dashboard."""
        return Auth(self.auth)

    def find_host(self, text: str) -> Host:
        """The configured host of this name or target; else the target as a plain host.

        Raises ConfigError if it is neither.
        """
        for host in self.hosts:
            if text in (host.name, host.target):
                return host
        return replace(parse_target(text, self.ssh_user), limits=self.plain_limits)


#: The field that a mistake about several settings together is told at.
TOGETHER_FIELD = "deadline_s"
#: What the environment and the file can set; the rest is worked out from the file and its secrets.
_OF_FILE = (
    "database_url_path",
    "database_read_url_path",
    "plain_limits",
    "channels",
    "routes",
    "alert_policy",
)
FIELDS = tuple(name for name in Settings.model_fields if name not in _OF_FILE)
#: Of those, what has more than one value.
PLURAL_FIELDS = ("hosts", "users")
#: Those with one value, by which the file's top-level keys are known, too.
SCALAR_FIELDS = tuple(name for name in FIELDS if name not in PLURAL_FIELDS)
#: Their value may hold a secret: it is never told, and can also be given as NAME_FILE.
SECRETS = ("database_url", "database_read_url", "users", "secret_key", "heartbeat_url")
#: Those whose file is read again while we run; where that is, is a setting of its own.
FOLLOWED_SECRETS = ("database_url", "database_read_url")
#: Their variable has the plain name that other programs read, too.
UNPREFIXED = ("database_url", "database_read_url")
