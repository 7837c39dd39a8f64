"""How long a channel that fails is left alone, and when others stand in. Pure: the time comes in."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.model import Due
from ntp_checker.outbox.pace import BACKOFF_MAX_S, backoff_s

#: So long after its first failed attempt a message is left to its own channel.
HAND_OVER_S = 60.0
#: A channel that fails takes a break between two groups, too, or each would find out by itself.
BREAK_MAX_S = 30.0
#: Who greylists wants to see it again after minutes, not seconds.
REST_PAUSE_MIN_S = 60.0


class Breaks:
    """When a channel whose attempts fail is tried again at all, by the monotonic clock."""

    def __init__(self) -> None:
        self.free_at_s = 0.0  #: nothing is tried before
        self._failures = 0  #: in a row

    def note_works(self) -> None:
        """It took a message."""
        self._failures = 0

    def take(self, failure: SendError, now_s: float) -> None:
        """Where the trouble is the channel's and not the message's, the next group waits, too."""
        if failure.kind not in (SendErrorKind.RETRY, SendErrorKind.OWN_CLOCK):
            return
        self._failures += 1
        pause_s = min(BREAK_MAX_S, backoff_s(self._failures))
        if failure.retry_after_s is not None:
            pause_s = backoff_s(1, retry_after_s=failure.retry_after_s)
        self.free_at_s = now_s + pause_s


class Patience:
    """How long one channel has failed what it was to send, by the monotonic clock."""

    def __init__(self) -> None:
        self._failed_at_s: dict[UUID, float] = {}  #: by event: the first attempt that failed

    def note_failed(self, claimed: Iterable[Due], now_s: float) -> None:
        """An attempt at these failed. Of what an earlier run tried, its time counts from when it
        was due.
        """
        for one in claimed:
            waited_s = one.due_for_s if one.attempts > 1 else 0.0
            self._failed_at_s.setdefault(one.transition.event_id, now_s - waited_s)

    def note_settled(self, claimed: Iterable[Due]) -> None:
        """The channel tries these no more."""
        for one in claimed:
            self._failed_at_s.pop(one.transition.event_id, None)

    def is_over(
        self, claimed: Sequence[Due], next_at_s: float, refused_since_s: float | None, now_s: float
    ) -> bool:
        """True if the outcome of the next attempt at these comes too late.

        `refused_since_s` is since when the channel has taken nothing at all.
        """
        if is_long_away(refused_since_s, now_s):
            return True
        began_at_s = min(self._failed_at_s[one.transition.event_id] for one in claimed)
        return next_at_s - began_at_s >= HAND_OVER_S


def is_long_away(refused_since_s: float | None, until_s: float) -> bool:
    """True if a channel will have taken nothing for a minute by then."""
    return refused_since_s is not None and until_s - refused_since_s >= HAND_OVER_S


def retry_delay_s(failure: SendError, attempts: int) -> float:
    """How long a message waits after this failure."""
    delay_s = backoff_s(attempts, retry_after_s=failure.retry_after_s)
    return max(BACKOFF_MAX_S, delay_s) if failure.kind is SendErrorKind.NEXT_CHANNEL else delay_s


def rest_delay_s(attempts: int) -> float:
    """How long those wait who have not taken what others have."""
    return max(REST_PAUSE_MIN_S, backoff_s(attempts))
