"""ProbeErrors end here: each becomes a Failure of the part it cost."""

import re
from collections.abc import Callable
from typing import TypeVar

from ntp_checker.errors import (
    AuthRejected,
    ChronydDown,
    CommandFailed,
    DeadlineMissed,
    HostKeyRejected,
    MalformedOutput,
    OutputTooLarge,
    ProbeError,
    Unreachable,
)
from ntp_checker.model import Failure, FailureKind, Part

T = TypeVar("T")

#: What ends a whole look before it began.
LOGIN_ERRORS = (Unreachable, HostKeyRejected, AuthRejected)

_KINDS: dict[type[ProbeError], FailureKind] = {
    Unreachable: FailureKind.UNREACHABLE,
    HostKeyRejected: FailureKind.HOST_KEY,
    AuthRejected: FailureKind.AUTH,
    CommandFailed: FailureKind.COMMAND,
    ChronydDown: FailureKind.CHRONYD_DOWN,
    DeadlineMissed: FailureKind.DEADLINE,
    MalformedOutput: FailureKind.MALFORMED,
    OutputTooLarge: FailureKind.TOO_LARGE,
}
_MAX_DETAIL = 500
# A detail quotes what the host printed: nothing that moves a cursor or turns the text around.
_NOT_FOR_PEOPLE = re.compile(r"[^\x20-\x7e\u00a1-\u02ff]")


def failure_of(part: Part, error: ProbeError) -> Failure:
    """The error as a Failure of this part."""
    return Failure(part=part, kind=_KINDS[type(error)], stage=error.stage, detail=say_detail(error))


def say_detail(error: ProbeError) -> str:
    """Its sentence, fit for a terminal and a page: it may quote what a host printed."""
    return _NOT_FOR_PEOPLE.sub("\N{REPLACEMENT CHARACTER}", error.detail)[:_MAX_DETAIL]


def take_part(part: Part, parse: Callable[[], T], failures: list[Failure]) -> T | None:
    """What `parse` makes of a part; if it fails, the part fails alone."""
    try:
        return parse()
    except ProbeError as error:
        failures.append(failure_of(part, error))
        return None
