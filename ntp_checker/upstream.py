"""A host that is another's source explains its clients' loss. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from ntp_checker.model import Alert, AlertKey, AlertState, ProblemCode

#: Why a source serves no time, the plainest first. No other host explains these.
_ROOTS = (
    ProblemCode.HOST_UNREACHABLE,
    ProblemCode.CHRONYD_DOWN,
    ProblemCode.PROBE_FAILED,
    ProblemCode.NO_SOURCES,
)
#: These may have come to it from its own sources: only what began later is explained by them, so
#: that two hosts never explain each other.
_INHERITED = (
    ProblemCode.UNSYNCHRONISED,
    ProblemCode.NO_SELECTED_SOURCE,
    ProblemCode.REFERENCE_STALE,
)
EXPLAINING = (*_ROOTS, *_INHERITED)
#: A client's register of reach needs eight polls until it is full again, of 64 s each with chrony's
#: default minpoll: so long what a source's trouble left behind is explained by it.
HEALING = timedelta(minutes=10)
#: What follows from lost sources, where each of them is explained.
_FOLLOWING = frozenset(
    {
        ProblemCode.NO_SELECTED_SOURCE,
        ProblemCode.UNSYNCHRONISED,
        ProblemCode.REFERENCE_STALE,
        ProblemCode.FEW_SOURCES,
        ProblemCode.STRATUM_HIGH,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An alert, not over for long, of a host that may be somebody's source."""

    host: str
    code: ProblemCode
    first_bad_slot_at: datetime


def lost_sources(key: AlertKey, live: Iterable[Alert]) -> tuple[str, ...]:
    """Addresses of the sources whose loss is this alert, or may have led to it.

    `live` are the alerts of the same host.
    """
    if key.code is ProblemCode.SOURCE_UNREACHABLE:
        return (canonical(key.subject),)
    if key.code not in _FOLLOWING:
        return ()
    return tuple(
        canonical(alert.key.subject)
        for alert in live
        if alert.key.code is ProblemCode.SOURCE_UNREACHABLE and alert.state is not AlertState.CLOSED
    )


def explanation(
    key: AlertKey,
    first_bad_slot_at: datetime,
    sources: Collection[str],
    *,
    hosts_at: Mapping[str, frozenset[str]],
    troubles: Collection[Trouble],
) -> str | None:
    """By what trouble of which hosts this alert is explained; None if one source's loss is not.

    `sources` is what `lost_sources` found for it, `hosts_at` the watched hosts by address.
    """
    found = []
    for address in sources:
        causes = [
            trouble
            for trouble in troubles
            if trouble.host in hosts_at.get(address, ())
            and trouble.host != key.host
            and (trouble.code in _ROOTS or trouble.first_bad_slot_at < first_bad_slot_at)
        ]
        if not causes:
            return None
        found.append(min(causes, key=lambda cause: EXPLAINING.index(cause.code)))
    if not found:
        return None
    said = dict.fromkeys(f"{cause.code.value} of {cause.host}" for cause in found)
    return f"explained by {', '.join(said)}"


def canonical(address: str) -> str:
    """An IP address in its one form; what is none, as a reference clock's name, as it is."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address
