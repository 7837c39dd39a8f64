"""Hosts, groups, roles and limits of the settings file."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from ntp_checker.config.document import Entries, Node
from ntp_checker.config.limits import LimitLayers, Overrides, read_limits
from ntp_checker.config.mistakes import shown
from ntp_checker.config.values import Reader
from ntp_checker.errors import ConfigError
from ntp_checker.model import HasGps, Host, Limits, Role
from ntp_checker.targets import NAME_PATTERN, apart, parse_target, repeated

HOST_KEYS = ("target", "name", "role", "group", "has_gps", "limits")
#: Stands for the whole fleet wherever a host's name can.
RESERVED_NAME = "*"

_HINTS = {
    "host": "write it as target: user@host:port",
    "address": "write it as target: user@host:port",
    "user": "write it as target: user@host:port",
    "port": "write it as target: user@host:port",
    "interval_s": "all hosts have the same interval, set at the top",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHosts:
    """What a settings file says of hosts."""

    hosts: tuple[Host, ...]
    plain_limits: Limits  #: of a target that is none of them
    plain_given: Overrides
    #: where the limits of each host, by name, were set
    given: Mapping[str, Overrides]
    group_names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    host: Host
    line: int
    key: str
    has_given_name: bool
    given: Overrides


def read_hosts(reader: Reader, sections: Mapping[str, Node], default_user: str | None) -> FileHosts:
    """The hosts of `hosts:` with their limits; wrong ones are noted and left out."""
    groups = _read_groups(reader, sections.get("groups"))
    for_all = sections.get("limits")
    layers = LimitLayers(
        reader,
        for_all={} if for_all is None else read_limits(reader, for_all, "limits"),
        roles=_read_roles(reader, sections.get("roles")),
        groups=groups,
    )
    plain = layers.resolve(Role.SERVER, None, {})
    drafts = []
    if "hosts" in sections:
        for key, node in reader.items(sections["hosts"], "hosts"):
            draft = _read_host(reader, node, key, default_user, layers)
            if draft is not None:
                drafts.append(draft)
    hosts = _name(reader, drafts)
    given = {host.name: draft.given for host, draft in zip(hosts, drafts, strict=True)}
    return FileHosts(
        hosts=hosts,
        plain_limits=plain.limits,
        plain_given=plain.given,
        given=given,
        group_names=frozenset(groups),
    )


def _read_groups(reader: Reader, node: Node | None) -> dict[str, Overrides]:
    groups: dict[str, Overrides] = {}
    if node is None:
        return groups
    for name, child in reader.entries(node, "groups").items():
        key = f"groups.{name}" if name.isprintable() else f"groups.{shown(name)}"
        if not re.fullmatch(NAME_PATTERN, name):
            reader.refuse(reader.place(child, key), "use letters, digits, and _ . : - inside")
        groups[name] = _read_section(reader, child, key)
    return groups


def _read_roles(reader: Reader, node: Node | None) -> dict[Role, Overrides]:
    if node is None:
        return {}
    names = [role.value for role in Role]
    return {
        Role(name): _read_section(reader, child, f"roles.{name}")
        for name, child in reader.entries(node, "roles", names).items()
    }


def _read_section(reader: Reader, node: Node, key: str) -> Overrides:
    limits = reader.entries(node, key, ("limits",)).get("limits")
    return {} if limits is None else read_limits(reader, limits, f"{key}.limits")


def _read_host(
    reader: Reader,
    node: Node,
    key: str,
    default_user: str | None,
    layers: LimitLayers,
) -> _Draft | None:
    if not isinstance(node, Entries):
        host = _read_target(reader, node, key, default_user)
        if host is None:
            return None
        plain = layers.resolve(host.role, None, {})
        host = replace(host, limits=plain.limits)
        return _Draft(host=host, line=node.line, key=key, has_given_name=False, given=plain.given)
    for foreign in _HINTS.keys() & node.nodes.keys():
        place = reader.place_at(node.key_lines[foreign], f"{key}.{foreign}")
        reader.refuse(place, f"no such setting: {_HINTS[foreign]}")
    known = reader.entries(_without(node, _HINTS), key, HOST_KEYS)
    if "target" not in known:
        if "target" not in node.nodes:
            reader.refuse(reader.place(node, key), "target is missing: where the host is reached")
        return None
    host = _read_target(reader, known["target"], f"{key}.target", default_user)
    name = _read_name(reader, known["name"], f"{key}.name") if "name" in known else None
    role = _read_role(reader, known, key)
    group = _read_group(reader, known, key, layers.group_names)
    has_gps = _read_has_gps(reader, known, key)
    own = read_limits(reader, known["limits"], f"{key}.limits") if "limits" in known else {}
    resolved = layers.resolve(role, group, own)
    if host is None:
        return None
    return _Draft(
        host=replace(
            host,
            name=name or host.name,
            role=role,
            group=group,
            has_gps=has_gps,
            limits=resolved.limits,
        ),
        line=node.line,
        key=key,
        has_given_name=name is not None,
        given=resolved.given,
    )


def _without(node: Entries, names: Mapping[str, str]) -> Entries:
    nodes = {name: child for name, child in node.nodes.items() if name not in names}
    return replace(node, nodes=nodes)


def _read_target(reader: Reader, node: Node, key: str, default_user: str | None) -> Host | None:
    text = reader.text(node, key)
    if text is None:
        return None
    try:
        return parse_target(text, default_user)
    except ConfigError as error:
        reader.refuse(reader.place(node, key), str(error))
        return None


def _read_name(reader: Reader, node: Node, key: str) -> str | None:
    name = reader.text(node, key)
    if name is None or re.fullmatch(NAME_PATTERN, name):
        return name
    reason = "use letters, digits, and _ . : - inside"
    if name == RESERVED_NAME:
        reason = "that stands for the whole fleet"
    reader.refuse(reader.place(node, key), f"{shown(name)} can't be a name: {reason}")
    return None


def _read_role(reader: Reader, known: Mapping[str, Node], key: str) -> Role:
    if "role" not in known:
        return Role.SERVER
    word = reader.word(known["role"], f"{key}.role", [role.value for role in Role])
    return Role.SERVER if word is None else Role(word)


def _read_has_gps(reader: Reader, known: Mapping[str, Node], key: str) -> HasGps:
    if "has_gps" not in known:
        return HasGps.AUTO
    words = [has_gps.value for has_gps in HasGps]
    word = reader.word(known["has_gps"], f"{key}.has_gps", words)
    return HasGps.AUTO if word is None else HasGps(word)


def _read_group(
    reader: Reader, known: Mapping[str, Node], key: str, names: Collection[str]
) -> str | None:
    if "group" not in known:
        return None
    name = reader.text(known["group"], f"{key}.group")
    if name is None or name in names:
        return name
    reason = f"{shown(name)} is no key of groups{reader.suggest(name, names)}"
    reader.refuse(reader.place(known["group"], f"{key}.group"), reason)
    return None


def _name(reader: Reader, drafts: list[_Draft]) -> tuple[Host, ...]:
    """The hosts with unique names; each one that repeats another's is noted."""
    given = {index for index, draft in enumerate(drafts) if draft.has_given_name}
    hosts = apart([draft.host for draft in drafts], given)
    twice = repeated(host.name for host in hosts)
    first: dict[str, int] = {}
    for host, draft in zip(hosts, drafts, strict=True):
        if host.name in first and host.name in twice:
            reason = f"host {draft.host.name} is there already, in line {first[host.name]}"
            place = reader.place_at(draft.line, draft.key)
            reader.refuse(place, f"{reason}: give one of them another name")
        first.setdefault(host.name, draft.line)
    return hosts
