"""Slows down whoever guesses passwords, without locking anybody out for long."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

#: Wrong passwords for one name at once, and then one each so many seconds: 8,640 a day.
NAME_GUESSES = 5
NAME_PAUSE_S = 10.0
#: The same for all names together. What these cost is a part of one processor.
ALL_GUESSES = 40
ALL_PAUSE_S = 0.5
#: Names that are remembered; made-up ones fill it slower than one is forgiven.
MAX_NAMES = 1_000
#: No user's name is longer; what is longer counts as one.
_NAME_CHARS = 64


@dataclass(slots=True)
class _Allowance:
    """Guesses left at a time of the monotonic clock; they come back one by one."""

    guesses: float
    at_s: float


class GuessLimit:
    """Counts wrong passwords by name and altogether. May be used by several threads."""

    def __init__(self, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = Lock()
        self._all = _Allowance(ALL_GUESSES, now_s())
        self._by_name: OrderedDict[str, _Allowance] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """Seconds until a password may be tried for this name; 0 for now."""
        with self._lock:
            now_s = self._now_s()
            waits = [_wait_s(self._all, now_s, ALL_GUESSES, ALL_PAUSE_S)]
            own = self._by_name.get(name[:_NAME_CHARS])
            if own is not None:
                waits.append(_wait_s(own, now_s, NAME_GUESSES, NAME_PAUSE_S))
            return max(waits)

    def note_wrong(self, name: str) -> None:
        """Counts one wrong password for this name, whether or not there is such a user."""
        with self._lock:
            now_s = self._now_s()
            own = self._by_name.setdefault(name[:_NAME_CHARS], _Allowance(NAME_GUESSES, now_s))
            self._by_name.move_to_end(name[:_NAME_CHARS])
            if len(self._by_name) > MAX_NAMES:
                self._by_name.popitem(last=False)
            _take(own, now_s, NAME_GUESSES, NAME_PAUSE_S)
            _take(self._all, now_s, ALL_GUESSES, ALL_PAUSE_S)


def _left(allowance: _Allowance, now_s: float, most: int, pause_s: float) -> float:
    return min(most, allowance.guesses + (now_s - allowance.at_s) / pause_s)


def _wait_s(allowance: _Allowance, now_s: float, most: int, pause_s: float) -> float:
    return max(0.0, 1.0 - _left(allowance, now_s, most, pause_s)) * pause_s


def _take(allowance: _Allowance, now_s: float, most: int, pause_s: float) -> None:
    allowance.guesses = max(0.0, _left(allowance, now_s, most, pause_s) - 1.0)
    allowance.at_s = now_s
