"""Recurring times, as maintenance has them: RFC 5545 rules on a zone's wall clock. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset, rrulestr

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
#: A change to or from summer time moves a wall clock by two hours at most.
_CLOCK_CHANGE = timedelta(hours=2)


def check_rule(rule: str, zone: str, starts_at: datetime) -> None:
    """Raises ValueError for a rule that can't be used: it needs an end, and a day as its step."""
    if len(rule) > _MAX_RULE_CHARS or not rule.isprintable():
        raise ValueError(f"the rule is one line of at most {_MAX_RULE_CHARS} characters")
    parts = dict(
        part.partition("=")[::2] for part in rule.removeprefix("RRULE:").upper().split(";")
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
    for name in ("COUNT", "INTERVAL"):
        text = parts.get(name, "1")
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MAX_NUMBER):
            raise ValueError(f"invalid {name}: it is a number from 1 to {_MAX_NUMBER}")
    try:
        rules, local = _rules(rule, zone, starts_at)
        first = rules.after(_wall(starts_at, local), inc=True)
    except (IndexError, OverflowError, TypeError) as error:
        # dateutil's own way of saying that a number is out of range.
        raise ValueError("the rule has a number that no calendar has") from error
    if first is None:
        raise ValueError("the rule never comes to pass from that start on")


def occurrence_of(
    rule: str, zone: str, starts_at: datetime, ends_at: datetime, at: datetime
) -> tuple[datetime, datetime] | None:
    """Start and end of the occurrence that `at` lies in, the end not included; None if in none.

    `starts_at` and `ends_at` are the first one's. The wall clock of `zone` says when it begins, so
    a change to summer time moves it; each is as long as the first. Raises ValueError for a rule or
    zone that is none.
    """
    length = ends_at - starts_at
    rules, local = _rules(rule, zone, starts_at)
    wall = _wall(at, local)
    begun = rules.before(wall + _CLOCK_CHANGE, inc=True)
    while begun is not None and begun > wall - length - _CLOCK_CHANGE:
        begins_at = begun.replace(tzinfo=local).astimezone(UTC)
        if begins_at <= at < begins_at + length:
            return begins_at, begins_at + length
        begun = rules.before(begun)
    return None


def next_occurrence(
    rule: str, zone: str, starts_at: datetime, ends_at: datetime, after_at: datetime
) -> tuple[datetime, datetime] | None:
    """Start and end of the first occurrence that begins after `after_at`; None if none does.

    The arguments are those of occurrence_of, and so are the errors.
    """
    rules, local = _rules(rule, zone, starts_at)
    begun = rules.after(_wall(after_at, local) - _CLOCK_CHANGE)
    while begun is not None:
        begins_at = begun.replace(tzinfo=local).astimezone(UTC)
        if begins_at > after_at:
            return begins_at, begins_at + (ends_at - starts_at)
        begun = rules.after(begun)
    return None


def is_over(rule: str, zone: str, starts_at: datetime, ends_at: datetime, at: datetime) -> bool:
    """True if the last occurrence has ended by `at`. Raises ValueError as occurrence_of does."""
    rules, local = _rules(rule, zone, starts_at)
    began = _wall(at - (ends_at - starts_at), local)
    return rules.after(began - _CLOCK_CHANGE) is None


def _rules(rule: str, zone: str, starts_at: datetime) -> tuple[rrule | rruleset, ZoneInfo]:
    try:
        local = ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{zone!r} is no time zone") from error
    # By the wall clock, without a zone: dateutil would carry the first one's offset on.
    return rrulestr(rule, dtstart=_wall(starts_at, local), ignoretz=True), local


def _wall(at: datetime, local: ZoneInfo) -> datetime:
    return at.astimezone(local).replace(tzinfo=None)
