"""`[user@]host[:port]` and `local` -> Host."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv6Address

from ntp_checker.errors import ConfigError
from ntp_checker.model import DEFAULT_LIMITS, SSH_PORT, Host, Role

LOCAL = "local"

# A leading "-" would be an option to some program sooner or later; no shell character gets in.
#: What an account's name looks like.
USER_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}"
#: What a host's own name looks like; a default name, an IPv6 address with its port, fits, too.
NAME_PATTERN = r"[A-Za-z0-9_:][A-Za-z0-9_.:\-]{0,252}"

_USER = rf"(?P<user>{USER_PATTERN})@"
_PORT = r":(?P<port>[0-9]{1,5})"
_NAME = r"(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,252}))"
_TARGET = re.compile(rf"(?:{_USER})?(?:{_NAME}|\[(?P<ipv6>[0-9A-Fa-f:.]{{2,45}})\])(?:{_PORT})?")


def parse_target(text: str, default_user: str | None = None) -> Host:
    """One host from its target text, named by its host part, with the default role's limits.

    Raises ConfigError that says what a target looks like.
    """
    limits = DEFAULT_LIMITS[Role.SERVER]
    if text == LOCAL:
        return Host(name=LOCAL, address="", limits=limits)
    match = _TARGET.fullmatch(text)
    port = int(match["port"] or SSH_PORT) if match else 0
    if match is None or not 1 <= port <= 65535 or not _is_ipv6(match["ipv6"] or "::"):
        raise ConfigError(
            f"{text!r} is not a host: write [user@]host[:port], [user@][IPv6][:port], or local"
        )
    address = match["name"] or match["ipv6"]
    return Host(
        name=address,
        address=address,
        port=port,
        user=match["user"] or default_user,
        limits=limits,
    )


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def parse_targets(text: str, default_user: str | None = None) -> tuple[Host, ...]:
    """Hosts of a comma-separated list; blanks and empty entries are dropped.

    Each name is unique: hosts that share their host part are named `host:port`. Raises
    ConfigError that names every mistake, or if the names don't tell hosts apart either.
    """
    hosts, mistakes = [], []
    for target in filter(None, map(str.strip, text.split(","))):
        try:
            hosts.append(parse_target(target, default_user))
        except ConfigError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigError("; ".join(mistakes))
    return name_apart(hosts)


def name_apart(hosts: Sequence[Host]) -> tuple[Host, ...]:
    """Hosts with unique names; see parse_targets."""
    named = apart(hosts)
    for name in sorted(repeated(host.name for host in named)):
        raise ConfigError(f"host {name} is listed twice")
    return named


def apart(hosts: Sequence[Host], given: Collection[int] = ()) -> tuple[Host, ...]:
    """Hosts with the port in their name where it is shared.

    Those at the `given` indexes keep theirs, which a person chose. Names may still be equal.
    """
    shared = repeated(host.name for host in hosts)
    return tuple(
        replace(host, name=f"{host.name}:{host.port}")
        if host.name in shared and index not in given
        else host
        for index, host in enumerate(hosts)
    )


def repeated(names: Iterable[str]) -> set[str]:
    """Names that are there more than once."""
    return {name for name, count in Counter(names).items() if count > 1}
