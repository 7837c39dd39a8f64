"""Routes and the policy of alerts in the settings file: who hears of what, and how soon."""

import re
from collections.abc import Collection, Mapping
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ntp_checker.config.document import Node
from ntp_checker.config.mistakes import shown
from ntp_checker.config.values import Reader
from ntp_checker.model import AlertPolicy, Hours, ProblemCode, Route, Severity

ROUTE_KEYS = ("channels", "fallback", "groups", "severities", "codes", "hours")
HOURS_KEYS = ("weekdays", "begins", "ends", "time_zone")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: By key: least and most.
POLICY_RANGES: Mapping[str, tuple[float, float]] = {
    "bad_looks": (1, 1000),
    "good_looks": (1, 1000),
    "clear_ratio": (0.01, 1.0),
    "flapping_changes": (2, 1000),
    "flapping_quiet_s": (60, 86_400),
    "remind_every_s": (60, 30 * 86_400),
}
WHOLE_NUMBERS = ("bad_looks", "good_looks", "flapping_changes")
TOLD_SEVERITIES = (Severity.WARNING.value, Severity.CRITICAL.value)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def read_policy(reader: Reader, node: Node | None) -> AlertPolicy:
    """What `alerting:` says of when an alert begins and ends."""
    values: dict[str, Any] = {}
    if node is None:
        return AlertPolicy()
    for name, child in reader.entries(node, "alerting", tuple(POLICY_RANGES)).items():
        key = f"alerting.{name}"
        number: float | None
        number = reader.integer(child, key) if name in WHOLE_NUMBERS else reader.number(child, key)
        if number is None:
            continue
        low, high = POLICY_RANGES[name]
        if not low <= number <= high:
            reader.refuse(reader.place(child, key), f"{number:g}: must be {low:g} to {high:g}")
        elif name.endswith("_s"):
            values[name.removesuffix("_s")] = timedelta(seconds=number)
        else:
            values[name] = number
    return AlertPolicy(**values)


def read_routes(
    reader: Reader, node: Node | None, channels: Collection[str], groups: Collection[str]
) -> tuple[Route, ...]:
    """The routes of `routes:`; without any, everything goes to every channel."""
    if node is None:
        return (Route(channels=tuple(channels)),) if channels else ()
    found = []
    for key, item in reader.items(node, "routes"):
        nodes = reader.entries(item, key, ROUTE_KEYS)
        if "channels" not in nodes:
            reader.refuse(reader.place(item, key), "channels is missing: who is to hear of it")
            continue
        found.append(
            Route(
                channels=_read_names(reader, nodes, key, "channels", channels),
                fallback=_read_names(reader, nodes, key, "fallback", channels),
                groups=frozenset(_read_names(reader, nodes, key, "groups", groups)),
                severities=frozenset(
                    Severity(word)
                    for word in _read_words(reader, nodes, key, "severities", TOLD_SEVERITIES)
                ),
                codes=frozenset(
                    ProblemCode(word)
                    for word in _read_words(
                        reader, nodes, key, "codes", [code.value for code in ProblemCode]
                    )
                ),
                hours=_read_hours(reader, nodes, key),
            )
        )
    return tuple(found)


def _read_names(
    reader: Reader, nodes: Mapping[str, Node], key: str, name: str, known: Collection[str]
) -> tuple[str, ...]:
    """A list of names that are configured elsewhere in the file."""
    if name not in nodes:
        return ()
    section = "groups" if name == "groups" else "channels"
    names = []
    for item_key, item in reader.filled_items(nodes[name], f"{key}.{name}"):
        text = reader.text(item, item_key)
        if text is not None and text not in known:
            reason = f"{shown(text)} is no key of {section}{reader.suggest(text, known)}"
            reader.refuse(reader.place(item, item_key), reason)
        elif text is not None:
            names.append(text)
    return tuple(dict.fromkeys(names))


def _read_words(
    reader: Reader, nodes: Mapping[str, Node], key: str, name: str, choices: Collection[str]
) -> list[str]:
    if name not in nodes:
        return []
    words = [
        reader.word(item, item_key, choices)
        for item_key, item in reader.items(nodes[name], f"{key}.{name}")
    ]
    return [word for word in words if word is not None]


def _read_hours(reader: Reader, nodes: Mapping[str, Node], key: str) -> Hours | None:
    if "hours" not in nodes:
        return None
    whole = f"{key}.hours"
    found = reader.entries(nodes["hours"], whole, HOURS_KEYS)
    missing = [name for name in HOURS_KEYS if name not in found]
    if missing:
        reader.refuse(reader.place(nodes["hours"], whole), f"{', '.join(missing)}: missing")
        return None
    weekdays = _read_words(reader, found, whole, "weekdays", WEEKDAYS)
    begins = _read_time(reader, found, whole, "begins")
    ends = _read_time(reader, found, whole, "ends")
    zone = _read_zone(reader, found, whole)
    if not weekdays or begins is None or ends is None or zone is None:
        return None
    return Hours(
        weekdays=frozenset(WEEKDAYS.index(word) for word in weekdays),
        begins=begins,
        ends=ends,
        zone=zone,
    )


def _read_time(reader: Reader, nodes: Mapping[str, Node], key: str, name: str) -> time | None:
    text = reader.text(nodes[name], f"{key}.{name}")
    if text is None:
        return None
    if found := _TIME.fullmatch(text):
        return time(int(found[1]), int(found[2]))
    reader.refuse(reader.place(nodes[name], f"{key}.{name}"), f'{shown(text)}: write it as "08:30"')
    return None


def _read_zone(reader: Reader, nodes: Mapping[str, Node], key: str) -> ZoneInfo | None:
    text = reader.text(nodes["time_zone"], f"{key}.time_zone")
    if text is None:
        return None
    try:
        return ZoneInfo(text)
    except (OSError, ValueError, KeyError):  # of a path, of an odd one, of one that is not there
        place = reader.place(nodes["time_zone"], f"{key}.time_zone")
        reader.refuse(place, f"{shown(text)} is no time zone: write it as Europe/Zurich")
        return None
