"""What the checker found of itself, round by round, until the database has it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ntp_checker.model import Judgement, ProblemCode

#: While nothing changes, these first rounds are kept, and the newest: no code takes more to open.
KEPT_ALIKE = 3
KEPT_ROUNDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRound:
    """What the checker found of itself at one moment."""

    at: datetime
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    taken_s: float
    judgements: tuple[Judgement, ...]

    @property
    def gist(self) -> frozenset[tuple[ProblemCode, str, bool]]:
        """What was good and what was not."""
        return frozenset((one.code, one.subject, one.severity is None) for one in self.judgements)


class KeptRounds:
    """Rounds that wait for the database, however long: days of the same are a few."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []

    def add(self, judgements: Iterable[Judgement], now_s: float) -> None:
        """By the monotonic clock: until the database is heard our time of day may be wrong."""
        kept = _Kept(taken_s=now_s, judgements=tuple(judgements))
        before = self._kept[-KEPT_ALIKE - 1 :]
        if len(before) > KEPT_ALIKE and all(one.gist == kept.gist for one in before):
            self._kept.pop()
        self._kept.append(kept)
        del self._kept[:-KEPT_ROUNDS]

    def as_of(self, now: datetime, now_s: float) -> list[OwnRound]:
        """All of them, oldest first, by the clock that says `now` at this moment."""
        return [
            OwnRound(at=now - timedelta(seconds=now_s - one.taken_s), judgements=one.judgements)
            for one in self._kept
        ]

    def clear(self) -> None:
        """The database has them."""
        self._kept.clear()
