"""How a channel fares, attempt by attempt, since the start. Pure: the time comes in."""

from ntp_checker.rules.own import ChannelState


class ChannelHealth:
    """What its attempts came to."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._is_tried = False
        self._refused_at_s: float | None = None  #: the first of the refusals in a row
        self._is_given_up = False
        self._reason = ""

    def note_accepted(self) -> None:
        """The provider took a message."""
        self._is_tried, self._refused_at_s, self._is_given_up = True, None, False

    def note_refused(self, reason: str, now_s: float, *, is_given_up: bool) -> None:
        """It did not, by the monotonic clock; `is_given_up`: this one is not tried there again."""
        self._is_tried, self._is_given_up, self._reason = True, is_given_up, reason
        if self._refused_at_s is None:
            self._refused_at_s = now_s

    @property
    def refused_since_s(self) -> float | None:
        """By the monotonic clock: the first refusal since it took a message; None: it takes them."""
        return self._refused_at_s

    def state(self, now_s: float) -> ChannelState | None:
        """As of now; None before the first attempt."""
        if not self._is_tried:
            return None
        since_s = self._refused_at_s
        return ChannelState(
            channel=self._channel,
            refused_for_s=None if since_s is None else now_s - since_s,
            is_given_up=self._is_given_up,
            reason=self._reason,
        )
