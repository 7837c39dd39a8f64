"""A chronyd that believes in another date: it takes a leap second only on two days of a year."""

import os
from datetime import UTC, datetime, timedelta

from tests.rig.packages import Bundle, PartMissingError, bundle_tree

_LIBFAKETIME = Bundle(name="libfaketime", single_packages=("libfaketime",))
_NOON = timedelta(hours=12)


def leap_day_shift_s(now: datetime) -> float:
    """Seconds from `now` to noon of the next last day of June or December, UTC."""
    noons = [
        datetime(year, month, day, tzinfo=UTC) + _NOON
        for year in (now.year, now.year + 1)
        for month, day in ((6, 30), (12, 31))
    ]
    return min((noon - now).total_seconds() for noon in noons if noon > now)


def shifted_environment(shift_s: float) -> dict[str, str]:
    """For a program whose clock shall be ahead by so much. Raises PartMissingError."""
    library = next(bundle_tree(_LIBFAKETIME).rglob("libfaketime.so.1"), None)
    if library is None:
        raise PartMissingError("libfaketime.so.1: not in the package libfaketime")
    return {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{shift_s:+.0f}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
