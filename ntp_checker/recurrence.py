"""Recurring times, as maintenance has them: RFC 5545 rules on a zone's wall clock. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulebase, rrulestr

#: Rules repeat by the day at most; more often they would cost without end.
_ALLOWED = frozenset({"YEARLY", "MONTHLY", "WEEKLY", "DAILY"})


def check_rule(rule: str, zone: str, starts_at: datetime) -> None:
    """Raises ValueError for a rule that can't be used: it needs an end, and a day as its step."""
    parts = dict(
        part.partition("=")[::2] for part in rule.removeprefix("RRULE:").upper().split(";")
    )
    if parts.get("FREQ") not in _ALLOWED:
        raise ValueError(
            f"the rule recurs {', '.join(sorted(_ALLOWED))}, as in FREQ=WEEKLY;BYDAY=SU"
        )
    if "UNTIL" not in parts and "COUNT" not in parts:
        raise ValueError("the rule needs an end: UNTIL=20271231T000000 or COUNT=10")
    occurrence_of(rule, zone, starts_at, starts_at + timedelta(minutes=1), starts_at)


def occurrence_of(
    rule: str, zone: str, starts_at: datetime, ends_at: datetime, at: datetime
) -> tuple[datetime, datetime] | None:
    """Start and end of the occurrence that `at` lies in, the end not included; None if in none.

    `starts_at` and `ends_at` are the first one's. The wall clock of `zone` says when it begins, so
    a change to summer time moves it; each is as long as the first. Raises ValueError for a rule or
    zone that is none.
    """
    local = _zone(zone)
    length = ends_at - starts_at
    wall = at.astimezone(local).replace(tzinfo=None)
    rules = _rules(rule, starts_at, local)
    # Two hours for a clock that was set back or forth in between.
    begun = rules.before(wall + timedelta(hours=2), inc=True)
    while begun is not None and begun > wall - length - timedelta(hours=2):
        begins_at = begun.replace(tzinfo=local).astimezone(UTC)
        if begins_at <= at < begins_at + length:
            return begins_at, begins_at + length
        begun = rules.before(begun)
    return None


def is_over(rule: str, zone: str, starts_at: datetime, ends_at: datetime, at: datetime) -> bool:
    """True if the last occurrence has ended by `at`. Raises ValueError as occurrence_of does."""
    local = _zone(zone)
    # Two hours for a clock that was set back or forth in between.
    began = (at - (ends_at - starts_at)).astimezone(local).replace(tzinfo=None)
    return _rules(rule, starts_at, local).after(began - timedelta(hours=2)) is None


def _zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError) as error:
        raise ValueError(f"{zone!r} is no time zone") from error


def _rules(rule: str, starts_at: datetime, local: ZoneInfo) -> rrulebase:
    # By the wall clock, without a zone: dateutil would carry the first one's offset on.
    first = starts_at.astimezone(local).replace(tzinfo=None)
    return rrulestr(rule, dtstart=first, ignoretz=True)
