"""What changed in a host's list of sources. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from ntp_checker.model import Source
from ntp_checker.store.codes import SOURCE_MODE_NUMBER, SOURCE_STATE_NUMBER

#: Polls of the last 8 that a good source answered: reach class 2.
GOOD_POLLS = 6
_CLASS_OF_REACH = tuple(
    0 if reach == 0 else 1 if reach.bit_count() < GOOD_POLLS else 2 for reach in range(256)
)

#: Mode and address, as numbers and text of `source_change`: what a source is known by.
_Key = tuple[int, str]
#: State and reach class.
_Condition = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """One row of `source_change`; all but mode and address are None for a source that left."""

    mode: int
    address: str
    state: int | None = None
    reach: int | None = None
    reach_class: int | None = None
    stratum: int | None = None


@dataclass(frozen=True, slots=True)
class KnownSources:
    """The sources of one host as `source_change` tells them."""

    conditions: Mapping[_Key, _Condition]

    @classmethod
    def from_text(cls, text: str) -> "KnownSources":
        """Reads what `as_text` wrote."""
        return cls(
            {
                (mode, address): (state, reach_class)
                for mode, address, state, reach_class in orjson.loads(text)
            }
        )

    def as_text(self) -> str:
        """As JSON: mode, address, state and reach class of each."""
        return orjson.dumps([(*key, *found) for key, found in self.conditions.items()]).decode()


def reach_class(reach: int) -> int:
    """0 no poll of the last 8 answered, 1 fewer than GOOD_POLLS, 2 at least that.

    Raises ValueError for what is no register of 8 bits.
    """
    if not 0 <= reach <= 0o377:
        raise ValueError(f"reach {reach} is no register of 8 bits")
    return _CLASS_OF_REACH[reach]


def changes_between(
    known: KnownSources | None, sources: Iterable[Source] | None
) -> tuple[list[SourceChange], KnownSources | None]:
    """What became true with this list, and what is known after it.

    A list that could not be had changes nothing: not to see a source is not to see it gone. Of
    two sources with one name, which chronyd takes of reference clocks, the better one counts.
    """
    if sources is None:
        return [], known
    found: dict[_Key, _Condition] = {}
    listed: dict[_Key, Source] = {}
    for source in sources:
        key = (SOURCE_MODE_NUMBER[source.mode], source.address)
        condition = (SOURCE_STATE_NUMBER[source.state], reach_class(source.reach))
        if key not in found or condition < found[key]:
            found[key], listed[key] = condition, source
    before = {} if known is None else known.conditions
    if known is not None and found == before:
        return [], known
    changes = [
        SourceChange(
            mode=key[0],
            address=key[1],
            state=condition[0],
            reach=listed[key].reach,
            reach_class=condition[1],
            stratum=listed[key].stratum,
        )
        for key, condition in found.items()
        if before.get(key) != condition
    ]
    changes += (SourceChange(mode=key[0], address=key[1]) for key in before if key not in found)
    return changes, KnownSources(found)
