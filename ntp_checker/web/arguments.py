"""The query's arguments, checked before anything is asked of the database. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ntp_checker.store.offsets import Window

#: what the range buttons mean
RANGES = {"24h": timedelta(hours=24), "14d": timedelta(days=14), "90d": timedelta(days=90)}
RANGE_WORDS = {"24h": "24 hours", "14d": "14 days", "90d": "90 days"}
DEFAULT_RANGE = "24h"
CUSTOM_RANGE = "custom"

#: widths of a bucket; from half an hour on those of the rollups, as far as they go
RESOLUTIONS_S = (10, 30, 60, 300, 1800, 7200, 21600, 86400)
DEFAULT_POINTS = 1440
MAX_POINTS = 10_000
MAX_HOSTS = 50
MAX_SPAN = timedelta(days=400)
_MAX_NAME_LENGTH = 255
#: nothing was measured before, and nothing is far ahead of the database's clock
_EARLIEST_AT = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST_AHEAD = timedelta(days=1)


class BadArgument(Exception):
    """An argument is not understood; the text names it and what is expected."""

    def __init__(self, message: str, *, code: str = "bad_argument", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetQuery:
    """What /api/offset was asked for."""

    range_name: str  #: 24h, 14d, 90d, or custom
    from_at: datetime
    to_at: datetime
    hosts: Sequence[str]  #: empty = the fleet
    max_points: int

    def window(self, interval_s: float) -> Window:
        """The whole buckets to compute, at most `max_points` of them.

        As fine as that allows, but not finer than the slots, which would make gaps of nothing.
        A named range keeps its length and ends with the bucket that is being filled now.
        """
        for resolution_s in RESOLUTIONS_S:
            if resolution_s >= interval_s or resolution_s == RESOLUTIONS_S[-1]:
                window = self._window(resolution_s)
                if window.buckets <= self.max_points:
                    return window
        # The span and max_points are bounded, so whole days always fit or are refused here.
        raise BadArgument("max_points is too small for this range: a point is a day at most")

    def _window(self, resolution_s: int) -> Window:
        to_s = -(-int(self.to_at.timestamp()) // resolution_s) * resolution_s
        if self.range_name == CUSTOM_RANGE:
            from_s = int(self.from_at.timestamp()) // resolution_s * resolution_s
        else:
            span_s = int((self.to_at - self.from_at).total_seconds())
            from_s = to_s - span_s // resolution_s * resolution_s
        to_s = max(to_s, from_s + resolution_s)
        return Window(from_s=from_s, to_s=to_s, resolution_s=resolution_s)


def refuse_unknown(given: Sequence[str], known: Sequence[str]) -> None:
    """Raises BadArgument for a name that is not an argument: most likely it is misspelt."""
    for name in given:
        if name not in known:
            raise BadArgument(f"{name[:40]!r} is no argument here: use {', '.join(known)}")


def read_offset_query(arguments: Mapping[str, Sequence[str]], now_at: datetime) -> OffsetQuery:
    """The arguments of /api/offset. Raises BadArgument."""
    refuse_unknown(list(arguments), ("range", "host", "from", "to", "max_points"))
    name = single(arguments, "range")
    if name is not None and name not in RANGES:
        raise BadArgument(f"range is one of {', '.join(RANGES)}")
    from_text, to_text = single(arguments, "from"), single(arguments, "to")
    span = RANGES[name or DEFAULT_RANGE]
    if from_text is None and to_text is None:
        from_at, to_at = now_at - span, now_at
        name = name or DEFAULT_RANGE
    else:
        if name is not None and from_text is not None and to_text is not None:
            raise BadArgument("range, from and to together contradict each other: leave one out")
        to_at = read_moment("to", to_text, now_at) if to_text is not None else now_at
        if from_text is not None:
            from_at = read_moment("from", from_text, now_at)
            if name is not None:
                to_at = from_at + span
        else:
            from_at = to_at - span
        name = CUSTOM_RANGE
    if from_at >= to_at:
        raise BadArgument("from is not before to")
    if to_at - from_at > MAX_SPAN:
        raise BadArgument(f"a range is at most {MAX_SPAN.days} days")
    return OffsetQuery(
        range_name=name,
        from_at=from_at,
        to_at=to_at,
        hosts=_read_hosts(arguments),
        max_points=_read_points(single(arguments, "max_points")),
    )


def read_view(arguments: Mapping[str, Sequence[str]]) -> str | None:
    """The `view` of /api/latest: None or "summary". Raises BadArgument."""
    refuse_unknown(list(arguments), ("view",))
    view = single(arguments, "view")
    if view not in (None, "summary"):
        raise BadArgument("view is summary, or left out")
    return view


def single(arguments: Mapping[str, Sequence[str]], name: str) -> str | None:
    """The argument's value, None if it is not given. Raises BadArgument if it is given twice."""
    values = arguments.get(name, ())
    if len(values) > 1:
        raise BadArgument(f"{name} is given more than once")
    return values[0] if values else None


def _read_hosts(arguments: Mapping[str, Sequence[str]]) -> list[str]:
    hosts = list(dict.fromkeys(arguments.get("host", ())))
    if len(hosts) > MAX_HOSTS:
        raise BadArgument(f"at most {MAX_HOSTS} hosts at once")
    return [read_name("host", host) for host in hosts]


def read_name(name: str, text: str) -> str:
    """A host's or group's name. Raises BadArgument for what can be none."""
    if not text or len(text) > _MAX_NAME_LENGTH or not text.isprintable():
        raise BadArgument(f"{name} is not a {name}'s name")
    return text


def _read_points(text: str | None) -> int:
    if text is None:
        return DEFAULT_POINTS
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= MAX_POINTS):
        raise BadArgument(f"max_points is a number from 1 to {MAX_POINTS}")
    return int(text)


def read_moment(name: str, text: str, now_at: datetime) -> datetime:
    """Epoch seconds, or ISO 8601 with a zone. Raises BadArgument."""
    try:
        if text.isascii() and text.isdigit() and len(text) <= 11:
            moment_at = datetime.fromtimestamp(int(text), UTC)
        else:
            # A "+" of a zone that was not escaped arrives as a space.
            moment_at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except (ValueError, OverflowError, OSError):
        raise BadArgument(f"{name} is neither epoch seconds nor ISO 8601") from None
    if moment_at.tzinfo is None:
        raise BadArgument(f"{name} needs a zone: end it with Z for UTC")
    if not _EARLIEST_AT <= moment_at <= now_at + _LATEST_AHEAD:
        raise BadArgument(f"{name} lies outside of what can have been measured")
    return moment_at.astimezone(UTC)
