"""Limits from the settings file: host over group over role over all, and what they may be."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, get_type_hints

from ntp_checker.config.document import Node
from ntp_checker.config.values import Place, Reader, Value
from ntp_checker.model import DEFAULT_LIMITS, Limits, Role, Severity

#: By name; what is not here is a positive number up to _MAX_NUMBER.
RANGES: Mapping[str, tuple[int, int]] = {
    "stratum_warning": (1, 15),  # 16 is "not synchronised"
    "sources_min": (0, 64),
    "source_polls_min": (0, 8),  # the reachability register has 8 bits
    "satellites_used_min": (0, 100),
    "gps_time_lag_min_s": (-10, 10),
    "gps_time_lag_max_s": (-10, 10),
}
MAX_NUMBER = 1e9
#: The first must not be above the second: a clock would be critical before it is a warning.
_PAIRS = (
    ("offset_warning_s", "offset_critical_s"),
    ("error_bound_warning_s", "error_bound_critical_s"),
    ("reference_age_warning_ratio", "reference_age_critical_ratio"),
    ("gps_time_lag_min_s", "gps_time_lag_max_s"),
)
_KINDS: Mapping[str, type] = get_type_hints(Limits)
LIMIT_NAMES = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A limit that the file sets."""

    value: Value
    place: Place


Overrides = Mapping[str, Given]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The limits in force for a host, and where each that is not built in was set."""

    limits: Limits
    given: Overrides


def limit_kind(name: str) -> type:
    """float, int, bool or Severity."""
    return _KINDS[name]


def read_limits(reader: Reader, node: Node, key: str) -> Overrides:
    """The limits that a `limits:` mapping sets; wrong ones are noted and left out."""
    overrides = {}
    for name, child in reader.entries(node, key, LIMIT_NAMES).items():
        whole = f"{key}.{name}"
        value = _read_limit(reader, child, whole, name)
        if value is not None:
            overrides[name] = Given(value=value, place=reader.place(child, whole))
    return overrides


def _read_limit(reader: Reader, node: Node, key: str, name: str) -> Value | None:
    kind = limit_kind(name)
    if kind is bool:
        return reader.flag(node, key)
    if kind is Severity:
        word = reader.word(node, key, [severity.value for severity in Severity])
        return None if word is None else Severity(word)
    value = reader.integer(node, key) if kind is int else reader.number(node, key)
    if value is None:
        return None
    if name in RANGES:
        low, high = RANGES[name]
        if low <= value <= high:
            return value
        reader.refuse(reader.place(node, key), f"{value:g}: must be {low} to {high}")
    elif 0 < value <= MAX_NUMBER:
        return value
    else:
        reader.refuse(
            reader.place(node, key), f"{value:g}: must be above 0, {MAX_NUMBER:g} at most"
        )
    return None


class LimitLayers:
    """All limits of a file; says what is in force for a host."""

    def __init__(
        self,
        reader: Reader,
        *,
        for_all: Overrides,
        roles: Mapping[Role, Overrides],
        groups: Mapping[str, Overrides],
    ) -> None:
        self._reader = reader
        self._for_all = for_all
        self._roles = roles
        self._groups = groups
        self._shared: dict[tuple[Role, str | None], Resolved] = {}

    @property
    def group_names(self) -> Collection[str]:
        """Of the groups that the file has."""
        return self._groups.keys()

    def resolve(self, role: Role, group: str | None, own: Overrides) -> Resolved:
        """The limits of a host; a warning above its critical limit is noted where it was set."""
        if own:
            return self._resolve(role, group, own)
        if (role, group) not in self._shared:
            # Thousands of hosts share these few.
            self._shared[role, group] = self._resolve(role, group, {})
        return self._shared[role, group]

    def _resolve(self, role: Role, group: str | None, own: Overrides) -> Resolved:
        # What a role is there for is stronger than what was meant for all.
        of_role = _built_in(role)
        given = {name: limit for name, limit in self._for_all.items() if name not in of_role}
        for layer in (self._roles.get(role, {}), self._groups.get(group or "", {}), own):
            given.update(layer)
        values: dict[str, Any] = {name: limit.value for name, limit in given.items()}
        limits = replace(DEFAULT_LIMITS[role], **values)
        for warning, critical in _PAIRS:
            if getattr(limits, warning) > getattr(limits, critical):
                self._refuse_pair(given, limits, warning, critical)
        return Resolved(limits=limits, given=given)

    def _refuse_pair(self, given: Overrides, limits: Limits, warning: str, critical: str) -> None:
        # One of the two was given: built-in pairs are in order.
        name, other = (warning, critical) if warning in given else (critical, warning)
        relation = "above" if name == warning else "below"
        where = given[other].place.origin if other in given else "the default"
        self._reader.refuse(
            given[name].place,
            f"{getattr(limits, name):g} is {relation} {other}, {getattr(limits, other):g} ({where})",
        )


@cache
def _built_in(role: Role) -> frozenset[str]:
    """Names of the limits that a role's defaults have for themselves."""
    limits, plain = DEFAULT_LIMITS[role], Limits()
    return frozenset(name for name in LIMIT_NAMES if getattr(limits, name) != getattr(plain, name))
