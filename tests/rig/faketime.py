"""A program that believes in another time, from its start or from any moment on."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    return {**os.environ, **_preloaded(), "FAKETIME": f"{shift_s:+.0f}"}


class MovableClock:
    """The clock of programs that are given `settings`; it can be moved while they run."""

    def __init__(self, file: Path) -> None:
        """Right at first. Raises PartMissingError."""
        self._file = file
        self.move(0.0)
        self.settings = {
            **_preloaded(),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
        }

    def move(self, shift_s: float) -> None:
        """Ahead by so much from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{shift_s:+.0f}\n", encoding="ascii")
        fresh.replace(self._file)


def _preloaded() -> dict[str, str]:
    library = next(bundle_tree(_LIBFAKETIME).rglob("libfaketime.so.1"), None)
    if library is None:
        raise PartMissingError("libfaketime.so.1: not in the package libfaketime")
    return {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
