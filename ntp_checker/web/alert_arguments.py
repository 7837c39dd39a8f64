"""The arguments of the alerts' pages and API. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from ntp_checker.model import AlertState, ProblemCode, Severity
from ntp_checker.store.alert_reads import AlertFilter
from ntp_checker.web.arguments import BadArgument, read_moment, read_name, refuse_unknown, single

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_PAGE = 10_000
FILTER_KEYS = ("state", "host", "group", "code", "severity", "from", "to")

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """What was asked for."""

    wanted: AlertFilter
    limit: int
    page: int  #: from 1

    @property
    def skip(self) -> int:
        """Alerts before this page."""
        return (self.page - 1) * self.limit


def read_alert_query(arguments: Mapping[str, Sequence[str]], now_at: datetime) -> AlertQuery:
    """The arguments of /api/alerts. Raises BadArgument."""
    refuse_unknown(list(arguments), (*FILTER_KEYS, "limit", "page"))
    from_text, to_text = single(arguments, "from"), single(arguments, "to")
    return AlertQuery(
        wanted=AlertFilter(
            state=_choice(AlertState, arguments, "state", (AlertState.OPEN, AlertState.CLOSED)),
            host=_name(arguments, "host"),
            group=_name(arguments, "group"),
            code=_choice(ProblemCode, arguments, "code", tuple(ProblemCode)),
            severity=_choice(
                Severity, arguments, "severity", (Severity.WARNING, Severity.CRITICAL)
            ),
            from_at=None if from_text is None else read_moment("from", from_text, now_at),
            to_at=None if to_text is None else read_moment("to", to_text, now_at),
        ),
        limit=_count(arguments, "limit", DEFAULT_LIMIT, MAX_LIMIT),
        page=_count(arguments, "page", 1, MAX_PAGE),
    )


def is_paged(arguments: Mapping[str, Sequence[str]]) -> bool:
    """True if only so many are asked for. Raises BadArgument."""
    return any(single(arguments, name) for name in ("limit", "page"))


def read_page(arguments: Mapping[str, Sequence[str]]) -> int:
    """The number of a page, from 1, where that is the only argument. Raises BadArgument."""
    refuse_unknown(list(arguments), ("page",))
    return _count(arguments, "page", 1, MAX_PAGE)


def _choice(
    kind: type[Choice],
    arguments: Mapping[str, Sequence[str]],
    name: str,
    choices: Sequence[Choice],
) -> Choice | None:
    text = single(arguments, name)
    if not text:
        return None
    if text not in choices:
        raise BadArgument(f"{name} is one of {', '.join(choices)}")
    return kind(text)


def _name(arguments: Mapping[str, Sequence[str]], name: str) -> str | None:
    text = single(arguments, name)
    return read_name(name, text) if text else None


def _count(arguments: Mapping[str, Sequence[str]], name: str, default: int, most: int) -> int:
    text = single(arguments, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise BadArgument(f"{name} is a number from 1 to {most}")
    return int(text)
