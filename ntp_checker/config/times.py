"""Moments and lengths of time as people write them: `2h`, `2026-01-02T03:04Z`. Pure."""

import re
from datetime import UTC, datetime, timedelta

_LENGTH = re.compile(
    r"(?:(?P<weeks>\d{1,3})w)?(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,5})h)?"
    r"(?:(?P<minutes>\d{1,6})(?:min|m))?",
    re.ASCII,
)


def read_length(text: str) -> timedelta:
    """`90min`, `2h`, `1d12h`, `1w`. Raises ValueError for another form, and for nothing at all."""
    found = _LENGTH.fullmatch(text.strip().lower())
    length = timedelta()
    if found is not None:
        length = timedelta(**{unit: int(number or 0) for unit, number in found.groupdict().items()})
    if length <= timedelta():
        raise ValueError(f"{text[:40]!r} is no length of time: write 90min, 2h, 1d12h or 1w")
    return length


def read_moment(text: str) -> datetime:
    """ISO 8601 with a zone; in UTC. Raises ValueError for another form."""
    try:
        moment_at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no moment: write 2026-01-02T03:04Z") from None
    if moment_at.tzinfo is None:
        raise ValueError(f"{text[:40]!r} needs a zone: end it with Z for UTC")
    try:
        return moment_at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} lies outside of the calendar") from None
