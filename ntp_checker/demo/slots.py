"""At which of its slots a host's past was looked at. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ntp_checker.schedule import Slots

#: How far back, and how far apart the looks are from there on.
CADENCES = (
    (timedelta(hours=24), timedelta(seconds=30)),
    (timedelta(days=14), timedelta(minutes=5)),
    (timedelta.max, timedelta(minutes=30)),
)
HISTORY_DAYS = 90


def past_slots(
    host_name: str, interval_s: float, from_at: datetime, to_at: datetime
) -> Iterator[datetime]:
    """The host's slots in this range, `to_at` not included: the older, the fewer, oldest first.

    All are slots of `interval_s`, so that what comes after `to_at` goes on in their rhythm.
    """
    interval = timedelta(seconds=interval_s)
    slots = Slots(host_name, interval_s)
    slot_at = slots.after(from_at - interval)
    if slot_at < from_at:
        slot_at += interval
    while slot_at < to_at:
        yield slot_at
        age = to_at - slot_at
        apart = next(apart for span, apart in CADENCES if age <= span)
        slot_at += max(1, apart // interval) * interval


def looks_of(interval_s: float, from_at: datetime, to_at: datetime) -> int:
    """About how many slots `past_slots` gives."""
    count, end, interval = 0, to_at, timedelta(seconds=interval_s)
    for span, apart in CADENCES:
        start = from_at if span > to_at - from_at else to_at - span
        count += max(0, (end - start) // max(apart, interval))
        end = start
    return count
