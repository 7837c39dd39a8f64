"""What changed on a host before something happened: settings, sources, clock and GPS, in sentences.

Async, but for what the dashboard reads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ntp_checker.model import GpsMode
from ntp_checker.store.arrays import integer_array, text_array
from ntp_checker.store.codes import GPS_MODE_NUMBER, LEAP_NUMBER, SOURCE_STATE_NUMBER
from ntp_checker.store.pool import CheckerConnection, ReaderConnection
from ntp_checker.store.queries import load_queries

#: How far back is "just before".
LOOK_BACK = timedelta(hours=1)
#: Nobody reads more of one host.
MAX_CHANGES = 10

_STATE = {number: state.value for state, number in SOURCE_STATE_NUMBER.items()}
_LEAP = {number: leap.value.replace("_", " ") for leap, number in LEAP_NUMBER.items()}
_FIX_WORDS = {
    GpsMode.UNKNOWN: "unknown",
    GpsMode.NO_FIX: "none",
    GpsMode.FIX_2D: "2D",
    GpsMode.FIX_3D: "3D",
}
_FIX = {number: _FIX_WORDS[mode] for mode, number in GPS_MODE_NUMBER.items()}
_REACH_WORDS = ("answers no poll", "answers some polls", "answers its polls")

#: A host's number, when it was, and what became true.
_Change = tuple[int, datetime, str]
_Row = Sequence[Any]


async def read_changes(
    conn: CheckerConnection, until: Mapping[int, datetime]
) -> dict[int, list[str]]:
    """Of each of these hosts, by number: sentences on the time before, newest first."""
    found: list[_Change] = []
    for name, words in _WORDS.items():
        rows = await conn.execute(load_queries("host_changes")[name], _spans(until))
        found += _said(await rows.fetchall(), words)
    return _newest_first(found)


def find_changes(connection: ReaderConnection, host_id: int, until_at: datetime) -> list[str]:
    """The same of one host. Sync."""
    found: list[_Change] = []
    for name, words in _WORDS.items():
        rows = connection.execute(load_queries("host_changes")[name], _spans({host_id: until_at}))
        found += _said(rows.fetchall(), words)
    return _newest_first(found).get(host_id, [])


def _spans(until: Mapping[int, datetime]) -> dict[str, object]:
    return {
        "host_ids": integer_array(until),
        "from_ats": text_array((at - LOOK_BACK).isoformat() for at in until.values()),
        "to_ats": text_array(at.isoformat() for at in until.values()),
        "limit": MAX_CHANGES,
    }


def _said(rows: Iterable[_Row], words: Callable[[_Row], Iterator[str]]) -> Iterator[_Change]:
    """Each row begins with the host's number and the time."""
    for host_id, at, *columns in rows:
        for sentence in words(columns):
            yield host_id, at, sentence


def _newest_first(found: Iterable[_Change]) -> dict[int, list[str]]:
    sentences: dict[int, list[str]] = {}
    for host_id, at, sentence in sorted(found, key=lambda change: change[1], reverse=True):
        of_host = sentences.setdefault(host_id, [])
        if len(of_host) < MAX_CHANGES:
            of_host.append(f"{at.astimezone(UTC):%H:%M:%S} {sentence}")
    return sentences


def _settings_words(columns: _Row) -> Iterator[str]:
    now_so, before = map(_settings, columns)
    for name, value in now_so.items():
        # A setting that an older release did not have has not changed.
        if name in before and value != before[name]:
            yield f"setting {name} is {_setting(value)}, was {_setting(before[name])}"


def _settings(text: str) -> dict[str, Any]:
    """By name, each limit among them."""
    config: dict[str, Any] = orjson.loads(text)
    return {**config.pop("limits", {}), **config}


def _setting(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _source_words(columns: _Row) -> Iterator[str]:
    address, state, reach_class = columns
    if state is None or reach_class is None:
        yield f"{address} is no source any more"
    else:
        yield f"{address} is {_STATE[state]}, {_REACH_WORDS[reach_class]}"


def _sample_words(columns: _Row) -> Iterator[str]:
    leap, leap_before, stratum, stratum_before, refid, refid_before, mode, mode_before = columns
    for name, value, before in (
        ("leap", _LEAP.get(leap), _LEAP.get(leap_before)),
        ("stratum", stratum, stratum_before),
        ("reference", _reference(refid, stratum), _reference(refid_before, stratum_before)),
        ("GPS fix", _FIX.get(mode), _FIX.get(mode_before)),
    ):
        # What was not had, now or before, is no change.
        if value is not None and before is not None and value != before:
            yield f"{name} is {value}, was {before}"


def _reference(refid: int | None, stratum: int | None) -> str | None:
    """`50505300 (PPS)`: as chronyc prints it, of a reference clock with its name.

    An address is not told: of a source with IPv6 the number is a hash.
    """
    if refid is None:
        return None
    name = refid.to_bytes(4, "big").rstrip(b"\0")
    is_name = stratum == 1 and name.isalnum() and name.isascii()
    return f"{refid:08X}{f' ({name.decode()})' if is_name else ''}"


_WORDS: Mapping[str, Callable[[_Row], Iterator[str]]] = {
    "settings": _settings_words,
    "sources": _source_words,
    "samples": _sample_words,
}
