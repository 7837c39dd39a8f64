"""How fast messages leave, and how long a failed one waits. The time comes in."""

import asyncio
import random
from contextlib import suppress

#: A channel that is back is found within seconds at first, and within minutes after hours.
BACKOFF_MIN_S = 1.0
BACKOFF_MAX_S = 300.0
#: A provider may ask for more patience than we have.
RETRY_AFTER_MAX_S = 3_600.0


class TokenBucket:
    """Lets `rate_per_s` through in the long run, and `burst` at once after a rest."""

    def __init__(self, rate_per_s: float, *, burst: int = 1) -> None:
        if not rate_per_s > 0 or burst < 1:
            raise ValueError(f"a rate above 0 and a burst of at least 1, not {rate_per_s}, {burst}")
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at_s: float | None = None

    def wait_s(self, now_s: float) -> float:
        """How long until the next may leave, by the monotonic clock; 0: at once."""
        return max(0.0, (1.0 - self._tokens_at(now_s)) / self._rate_per_s)

    def take(self, now_s: float) -> None:
        """One has left."""
        self._tokens = self._tokens_at(now_s) - 1.0
        self._filled_at_s = now_s

    def _tokens_at(self, now_s: float) -> float:
        passed_s = 0.0 if self._filled_at_s is None else max(0.0, now_s - self._filled_at_s)
        return min(float(self._burst), self._tokens + passed_s * self._rate_per_s)


def backoff_s(attempts: int, *, retry_after_s: float | None = None) -> float:
    """How long to wait after this many failed attempts in a row, from 1.

    Doubles up to five minutes, less up to half of it at random, so that many that failed together
    do not come back together; never less than the provider asked for, up to an hour.
    """
    longest_s = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0 ** min(attempts - 1, 30))
    wait_s = longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    if retry_after_s is None:
        return wait_s
    return max(wait_s, min(retry_after_s, RETRY_AFTER_MAX_S))


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Waits this long, or until the event."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await until.wait()
