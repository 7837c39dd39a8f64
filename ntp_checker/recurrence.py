"""Recurring times, as maintenance has them: RFC 5545 rules on a zone's wall clock. Pure.

A rule is asked at each round, in the loop that looks at hosts: what it takes does not depend on how
long ago it began, and what was found is remembered.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any, cast
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

#: What a rule may say beside FREQ, by FREQ. Steps are days at least, and each rule soon finds its
#: next day or the end of the calendar: another one could cost a second, or go on without end.
_ALLOWED = {
    "DAILY": frozenset({"BYDAY"}),
    "WEEKLY": frozenset({"BYDAY"}),
    "MONTHLY": frozenset({"BYDAY", "BYMONTHDAY", "BYSETPOS"}),
    "YEARLY": frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY"}),
}
_ALWAYS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"})
_MAX_NUMBER = 1_000  #: of COUNT and INTERVAL
_MAX_RULE_CHARS = 200
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
#: A rule with a COUNT ends after so long at the latest: to count on would take a second.
_MAX_COUNTED = timedelta(days=36_525)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NEVER = "the rule never comes to pass from that start on"
#: A change to or from summer time moves a wall clock by two hours at most.
_CLOCK_CHANGE = timedelta(hours=2)
#: Beginnings are remembered by spans of so many days.
_SPAN_DAYS = 32
#: More rules than are ever kept at once.
_REMEMBERED = 4_096


def check_rule(rule: str, zone: str, starts_at: datetime) -> None:
    """Raises ValueError for a rule that can't be used: it needs an end, and a day as its step."""
    found = _read(rule, zone, starts_at)
    if _first_after(found, found.starts, inclusive=True) is None:
        raise ValueError(_NEVER)


def occurrence_of(
    rule: str, zone: str, starts_at: datetime, ends_at: datetime, at: datetime
) -> tuple[datetime, datetime] | None:
    """Start and end of the occurrence that `at` lies in, the end not included; None if in none.

    `starts_at` and `ends_at` are the first one's. The wall clock of `zone` says when it begins, so
    a change to summer time moves it; each is as long as the first. Raises ValueError for a rule or
    zone that is none, or that check_rule refuses.
    """
    length = ends_at - starts_at
    found = _read(rule, zone, starts_at)
    wall = _wall(at, found.local)
    for begun in _beginnings_back(found, wall + _CLOCK_CHANGE, wall - length - _CLOCK_CHANGE):
        begins_at = found.moment(begun)
        if begins_at <= at < begins_at + length:
            return begins_at, begins_at + length
    return None


def next_occurrence(
    rule: str, zone: str, starts_at: datetime, ends_at: datetime, after_at: datetime
) -> tuple[datetime, datetime] | None:
    """Start and end of the first occurrence that begins after `after_at`; None if none does.

    The arguments are those of occurrence_of, and so are the errors.
    """
    found = _read(rule, zone, starts_at)
    begun = _first_after(found, _wall(after_at, found.local) - _CLOCK_CHANGE)
    while begun is not None:
        begins_at = found.moment(begun)
        if begins_at > after_at:
            return begins_at, begins_at + (ends_at - starts_at)
        begun = _first_after(found, begun)
    return None


def is_over(rule: str, zone: str, starts_at: datetime, ends_at: datetime, at: datetime) -> bool:
    """True if the last occurrence has ended by `at`. Raises ValueError as occurrence_of does."""
    # The last of them began by then, or none did: what begins later has not ended.
    begun_by = at - (ends_at - starts_at)
    return next_occurrence(rule, zone, starts_at, ends_at, begun_by) is None


@dataclass(frozen=True, slots=True, eq=False)
class _Rule:
    """A rule that was read, by the wall clock: dateutil would carry the first one's offset on."""

    starts: datetime
    local: ZoneInfo
    freq: str
    interval: int  #: in FREQ's steps
    implied: Mapping[str, Any]  #: the month and the day that only the start says
    rule: rrule  #: with a last beginning, never with a count

    def moment(self, wall: datetime) -> datetime:
        """The moment at which the wall clock shows this, UTC."""
        return wall.replace(tzinfo=self.local).astimezone(UTC)


@lru_cache(maxsize=_REMEMBERED)
def _read(rule: str, zone: str, starts_at: datetime) -> _Rule:
    """Raises ValueError."""
    parts = _parts(rule)
    try:
        local = ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{zone!r} is no time zone") from error
    try:
        starts = _wall(starts_at, local)
        if _is_never(parts, starts):
            raise ValueError(_NEVER)
        # One line is one rule.
        found = cast(rrule, rrulestr(_text(parts, local), dtstart=starts))
        if "COUNT" in parts:
            # Counted once: a rule that is counted can't begin anywhere but at its start.
            counted = takewhile(lambda begun: begun < starts + _MAX_COUNTED, found)
            *_, last = (starts - timedelta(days=1), *counted)
            found = found.replace(count=None, until=last)
    except (IndexError, OverflowError, TypeError) as error:
        # dateutil's own way of saying that a number is out of range.
        raise ValueError("the rule has a number that no calendar has") from error
    return _Rule(
        starts=starts,
        local=local,
        freq=parts["FREQ"],
        interval=int(parts.get("INTERVAL", "1")),
        implied=_implied(parts, starts),
        rule=found,
    )


def _is_never(parts: Mapping[str, str], starts: datetime) -> bool:
    """True if a step of whole weeks never leads to the day that is wanted.

    dateutil would look for it to the calendar's end, which takes seconds.
    """
    day = _WEEKDAYS[starts.weekday()]
    is_weeks = parts["FREQ"] == "DAILY" and int(parts.get("INTERVAL", "1")) % 7 == 0
    return is_weeks and day not in parts.get("BYDAY", day)


def _text(parts: Mapping[str, str], local: ZoneInfo) -> str:
    """The rule as dateutil takes it: its last moment by the wall clock, too."""
    until = parts.get("UNTIL", "")
    if until.endswith("Z"):
        until_at = datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        parts = {**parts, "UNTIL": f"{_wall(until_at, local):%Y%m%dT%H%M%S}"}
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _implied(parts: Mapping[str, str], starts: datetime) -> Mapping[str, Any]:
    """What the rule takes from its start because it does not say it: RFC 5545, 3.3.10."""
    if parts["FREQ"] not in ("MONTHLY", "YEARLY") or parts.keys() & {"BYDAY", "BYMONTHDAY"}:
        return {}
    if parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts:
        return {"bymonthday": starts.day}
    return {"bymonth": starts.month, "bymonthday": starts.day}


def _parts(rule: str) -> dict[str, str]:
    """The rule's parts by name. Raises ValueError for one that can't be used."""
    if len(rule) > _MAX_RULE_CHARS or not rule.isprintable():
        raise ValueError(f"the rule is one line of at most {_MAX_RULE_CHARS} characters")
    parts = dict(
        part.partition("=")[::2] for part in rule.upper().removeprefix("RRULE:").split(";")
    )
    freq = parts.get("FREQ", "")
    if freq not in _ALLOWED:
        raise ValueError(
            f"the rule recurs {', '.join(sorted(_ALLOWED))}, as in FREQ=WEEKLY;BYDAY=SU"
        )
    for name in parts.keys() - _ALWAYS - _ALLOWED[freq]:
        raise ValueError(f"{name or 'an empty part'} can't be used with FREQ={freq}")
    if "UNTIL" not in parts and "COUNT" not in parts:
        raise ValueError("the rule needs an end: UNTIL=20271231T000000 or COUNT=10")
    if "UNTIL" in parts and "COUNT" in parts:
        raise ValueError("UNTIL and COUNT contradict each other: leave one out")
    for name in ("COUNT", "INTERVAL"):
        text = parts.get(name, "1")
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MAX_NUMBER):
            raise ValueError(f"invalid {name}: it is a number from 1 to {_MAX_NUMBER}")
    if "UNTIL" in parts and not _UNTIL.fullmatch(parts["UNTIL"]):
        raise ValueError("invalid UNTIL: 20271231T000000 by the zone's clock, or with Z by UTC")
    return parts


def _beginnings_back(found: _Rule, latest: datetime, after: datetime) -> Iterator[datetime]:
    """What begins after `after`, up to `latest`, the latest first; by the wall clock."""
    oldest = max(after, found.starts - timedelta(days=1))
    for span in range(latest.toordinal() // _SPAN_DAYS, oldest.toordinal() // _SPAN_DAYS - 1, -1):
        for begun in _beginnings_in(found, span):
            if begun <= after:
                return
            if begun <= latest:
                yield begun


@lru_cache(maxsize=_REMEMBERED)
def _beginnings_in(found: _Rule, span: int) -> tuple[datetime, ...]:
    """What begins in these days, the latest first; by the wall clock."""
    begin = datetime.fromordinal(max(1, span * _SPAN_DAYS))
    end = datetime.fromordinal(min((span + 1) * _SPAN_DAYS, date.max.toordinal()))
    beginnings = _close_to(found, begin).between(begin, end, inc=True)
    return tuple(begun for begun in reversed(beginnings) if begun < end)


def _first_after(found: _Rule, wall: datetime, *, inclusive: bool = False) -> datetime | None:
    begun: datetime | None = _close_to(found, wall).after(wall, inc=inclusive)
    return begun


def _close_to(found: _Rule, wall: datetime) -> rrule:
    """The same rule from a step before `wall` on: dateutil goes through all since the start."""
    starts, interval = found.starts, found.interval
    if found.freq in ("DAILY", "WEEKLY"):
        step_days = interval * (7 if found.freq == "WEEKLY" else 1)
        steps = (wall - starts).days // step_days - 1
        later = starts + timedelta(days=step_days) * max(0, steps)
    else:
        step_months = interval * (12 if found.freq == "YEARLY" else 1)
        months = (wall.year - starts.year) * 12 + wall.month - starts.month
        steps = months // step_months - 1
        year, month = divmod(starts.month - 1 + step_months * max(0, steps), 12)
        # Each year, and each month, is looked through from its first day.
        is_year = found.freq == "YEARLY"
        later = starts.replace(year=starts.year + year, month=1 if is_year else month + 1, day=1)
    return found.rule if steps <= 0 else found.rule.replace(dtstart=later, **found.implied)


def _wall(at: datetime, local: ZoneInfo) -> datetime:
    return at.astimezone(local).replace(tzinfo=None)
