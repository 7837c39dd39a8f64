"""Environment over file over defaults: put together, and checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ntp_checker.config.channels import read_channels, with_ses
from ntp_checker.config.document import Entries, Node, decode_text, parse_document, read_text
from ntp_checker.config.environment import (
    CONFIG_VARIABLE,
    note_unknown_variables,
    read_secret,
    read_variable,
    why,
)
from ntp_checker.config.hosts import FileHosts, read_hosts
from ntp_checker.config.limits import Overrides
from ntp_checker.config.mistakes import Mistakes, shown
from ntp_checker.config.routes import read_policy, read_routes
from ntp_checker.config.settings import (
    FIELDS,
    FOLLOWED_SECRETS,
    PLURAL_FIELDS,
    SCALAR_FIELDS,
    SECRETS,
    TOGETHER_FIELD,
    Settings,
)
from ntp_checker.config.users import parse_users, read_users
from ntp_checker.config.values import Reader, Value
from ntp_checker.errors import ConfigError
from ntp_checker.model import Host, User
from ntp_checker.targets import parse_targets

SECTIONS = ("hosts", "groups", "roles", "limits", "channels", "routes", "alerting", "users")
#: Keys at the top of the file.
FILE_KEYS = (*SCALAR_FIELDS, *(f"{name}_file" for name in SECRETS), *SECTIONS)
DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The settings in force, and where each is from."""

    settings: Settings
    path: Path | None = None  #: of the settings file; None without one
    #: by setting: `default`, `file:line`, or the variable
    origins: Mapping[str, str] = field(default_factory=dict)
    #: by host: its limits that were set in the file
    given_limits: Mapping[str, Overrides] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A value before it is checked."""

    value: object
    name: str  #: begins a mistake about it: the variable, or `file:line: key`
    origin: str  #: for people: the variable, or `file:line`
    line: int | None = None  #: in the file; None if it is from the environment
    path: Path | None = None  #: of the file that holds the secret

    @property
    def whole_origin(self) -> str:
        """The origin, with the secret's file where there is one."""
        return self.origin if self.path is None else f"{self.origin}: {self.path}"

    def note(self, text: str, mistakes: Mistakes) -> None:
        """Notes a mistake about this value."""
        if self.line is None:
            mistakes.add(text)
        else:
            mistakes.add_in_file(self.line, text)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in force in this environment; see load_configuration."""
    return load_configuration(environ).settings


def load_configuration(environ: Mapping[str, str], content: bytes | None = None) -> Configuration:
    """The settings in this environment and the file it names; an empty variable is not set.

    `content` stands in for the file's where it was read already. Raises ConfigError
    that lists every mistake, each with its variable, or with file, line and key.
    """
    mistakes = Mistakes()
    note_unknown_variables(environ, mistakes)
    file = environ.get(CONFIG_VARIABLE, "").strip()
    reader = Reader(file, mistakes)
    sections = _read_sections(reader, content) if file else {}
    found = _scalars_of_file(reader, sections)
    for name in FIELDS:
        given = read_variable(environ, name, mistakes)
        if given is not None:
            found[name] = _Found(
                value=given.text, name=given.name, origin=given.name, path=given.path
            )
    user = found["ssh_user"].value if "ssh_user" in found else None
    default_user = user if isinstance(user, str) else None
    of_file = read_hosts(reader, sections, default_user)
    hosts = _choose_hosts(found, of_file, default_user, mistakes)
    checked: dict[str, object] = {
        "hosts": hosts,
        "users": _choose_users(reader, sections, found),
        "plain_limits": of_file.plain_limits,
        **{f"{name}_path": found[name].path for name in FOLLOWED_SECRETS if name in found},
        **_read_alerting(reader, sections, found, of_file),
    }
    settings = _check(found, checked, mistakes)
    origins = {name: entry.whole_origin for name, entry in found.items()}
    for name in PLURAL_FIELDS:
        if name in sections and name not in found:
            origins[name] = reader.place(sections[name], name).origin
    plain = {host.name: of_file.plain_given for host in hosts}
    return Configuration(
        settings=settings,
        path=Path(file) if file else None,
        origins={name: origins.get(name, DEFAULT_ORIGIN) for name in FIELDS},
        given_limits=plain if "hosts" in found else of_file.given,
    )


def _read_sections(reader: Reader, content: bytes | None) -> Mapping[str, Node]:
    try:
        path = Path(reader.file).expanduser()
    except RuntimeError:
        reader.mistakes.add(f"{CONFIG_VARIABLE}: {reader.file}: there is no such home directory")
        return {}
    if content is None:
        text = read_text(path, reader.file, reader.mistakes)
    else:
        text = decode_text(content, reader.file, reader.mistakes)
    root = None if text is None else parse_document(text, reader.file, reader.mistakes)
    if root is None:  # empty, or nothing but comments
        return {}
    return reader.entries(root, "", FILE_KEYS)


def _scalars_of_file(reader: Reader, sections: Mapping[str, Node]) -> dict[str, _Found]:
    found = {}
    for name, node in sections.items():
        if name in SECTIONS:
            continue
        place = reader.place(node, name)
        path = None
        if name not in SCALAR_FIELDS:
            setting = name.removesuffix("_file")
            path, value = _secret_of_file(reader, node, name)
            if setting in sections:
                reader.refuse(place, f"{setting} is set, too: keep one")
        else:
            setting, value = name, _read_scalar(reader, node, name)
        if value is not None:
            found[setting] = _Found(
                value=value, name=str(place), origin=place.origin, line=place.line, path=path
            )
    return found


def _secret_of_file(reader: Reader, node: Node, key: str) -> tuple[Path | None, Value | None]:
    """Where the secret is, and the secret; None where there is none."""
    file_name = reader.text(node, key)
    if file_name is None:
        return None, None
    try:
        secret = read_secret(file_name)
    except (OSError, ValueError, RuntimeError) as error:
        reader.refuse(reader.place(node, key), f"can't read {file_name}: {why(error)}")
        return None, None
    if not secret:
        reader.refuse(reader.place(node, key), f"{file_name} is empty")
    return Path(file_name), secret or None


def _read_scalar(reader: Reader, node: Node, name: str) -> Value | None:
    kind = field_kind(name)
    if kind == "number":
        return reader.number(node, name)
    if kind == "integer":
        return reader.integer(node, name)
    if kind == "boolean":
        return reader.flag(node, name)
    return reader.text(node, name)


@cache
def field_schemas() -> Mapping[str, dict[str, object]]:
    """JSON Schema of each setting with one value, as a file may write it."""
    properties = Settings.model_json_schema()["properties"]
    schemas: dict[str, dict[str, object]] = {}
    for name in SCALAR_FIELDS:
        schema = dict(properties[name])
        # Leaving a line out is how a file says "none".
        for choice in schema.pop("anyOf", ()):
            if choice != {"type": "null"}:
                schema |= choice
        default = schema.pop("default", None)
        if default is not None:
            schema["default"] = str(Settings().listen) if name == "listen" else default
        schemas[name] = {key: schema[key] for key in schema if key not in ("title", "format")}
    return schemas


def field_kind(name: str) -> str:
    """`number`, `integer`, `boolean` or `string`."""
    return str(field_schemas()[name]["type"])


def _choose_hosts(
    found: Mapping[str, _Found], of_file: FileHosts, default_user: str | None, mistakes: Mistakes
) -> tuple[Host, ...]:
    """The environment's hosts in place of the file's."""
    if "hosts" not in found:
        return of_file.hosts
    try:
        hosts = parse_targets(str(found["hosts"].value), default_user)
    except ConfigError as error:
        mistakes.add(f"{found['hosts'].name}: {error}")
        return ()
    return tuple(replace(host, limits=of_file.plain_limits) for host in hosts)


def _choose_users(
    reader: Reader, sections: Mapping[str, Node], found: Mapping[str, _Found]
) -> tuple[User, ...]:
    """The secret's users in place of the file's."""
    of_file = read_users(reader, sections.get("users"))
    if "users" not in found:
        return of_file
    secret = found["users"]
    return parse_users(
        str(secret.value), lambda reason: secret.note(f"{secret.name}: {reason}", reader.mistakes)
    )


def _read_alerting(
    reader: Reader,
    sections: Mapping[str, Node],
    found: Mapping[str, _Found],
    of_file: FileHosts,
) -> Mapping[str, object]:
    """Channels, routes and policy, as fields of Settings."""
    channels = read_channels(reader, sections.get("channels"))
    pair = [found[name] for name in ("ses_from", "ses_to") if name in found]
    if len(pair) == 1:
        pair[0].note(f"{pair[0].name}: ses_from and ses_to are needed both", reader.mistakes)
    elif pair:
        channels = with_ses(channels, *(str(entry.value) for entry in pair))
    # One that is wrong has its own mistake: routes that name it have none.
    written = sections.get("channels")
    wrong_too = written.nodes if isinstance(written, Entries) else ()
    names = tuple(dict.fromkeys((*(channel.name for channel in channels), *wrong_too)))
    return {
        "channels": channels,
        "routes": read_routes(reader, sections.get("routes"), names, of_file.group_names),
        "alert_policy": read_policy(reader, sections.get("alerting")),
    }


def _check(
    found: Mapping[str, _Found], checked: Mapping[str, object], mistakes: Mistakes
) -> Settings:
    """The settings, each in its range and all together; `checked` are those that were read.

    Raises ConfigError with every mistake.
    """
    values = {name: entry.value for name, entry in found.items() if name not in PLURAL_FIELDS}
    try:
        settings = Settings.model_validate({**values, **checked})
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            name = str(mistake["loc"][0]) if mistake["loc"] else TOGETHER_FIELD
            reason = str(mistake["msg"]).removeprefix("Value error, ")
            hides_value = not mistake["loc"] or name in SECRETS
            told = "" if hides_value else f" {_shown(mistake['input'])}:"
            found[name].note(f"{found[name].name}:{told} {reason}", mistakes)
        mistakes.raise_if_any()
        raise
    mistakes.raise_if_any()
    return settings


def _shown(value: object) -> str:
    return shown(value) if isinstance(value, str) else str(value)
