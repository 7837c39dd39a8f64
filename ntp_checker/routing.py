"""Who is told of a transition: routes, hours, silences, inhibition, grouping. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ntp_checker.model import (
    CHECKER,
    Alert,
    AlertKey,
    AlertState,
    Hours,
    Notification,
    ProblemCode,
    Route,
    Severity,
    Silence,
    Transition,
    TransitionKind,
)

#: A group's alerts go out one by one, unless this many, or this part of its hosts, come together.
STORM_ALERTS = 5
STORM_RATIO = 0.05
#: How long a storm's alerts wait for each other at most.
MAX_HOLD_S = 30.0

_BLIND_CODES = (
    ProblemCode.HOST_UNREACHABLE,
    ProblemCode.LOGIN_REFUSED,
    ProblemCode.HOST_KEY_CHANGED,
)
_GPS_CODES = frozenset(
    {
        ProblemCode.GPS_SILENT,
        ProblemCode.GPS_NO_FIX,
        ProblemCode.GPS_2D_FIX,
        ProblemCode.GPS_FEW_SATELLITES,
        ProblemCode.GPS_TIME_WRONG,
    }
)
#: Of chronyd's codes those that its death does not explain.
_NOT_CHRONYD = frozenset({ProblemCode.CHRONYD_DOWN, ProblemCode.GPS_UNAVAILABLE}) | _GPS_CODES
#: Those that were told are told the end, by the same ways.
_ENDINGS = frozenset({TransitionKind.EASED, TransitionKind.RESOLVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What decides who hears of one host's transitions, beside the transitions."""

    routes: Sequence[Route]
    silences: Sequence[Silence]
    group: str | None  #: of the host
    at: datetime  #: the database's clock
    hold_until_at: datetime | None = None  #: where many come together


def notifications_of(
    transition: Transition,
    audience: Audience,
    *,
    inhibited_by: str | None = None,
    told: Mapping[str, datetime | None],
) -> list[Notification]:
    """One for each channel that is to hear of it; a suppressed one says by what.

    `told` are the channels that heard of this alert before, each with the time until which its
    last notification still waits, None where it is gone. Nobody is told of an acknowledgement, nor
    of what is quiet because the alert flaps.
    """
    if transition.is_quiet or transition.kind is TransitionKind.ACKNOWLEDGED:
        return []
    if transition.kind in _ENDINGS:
        ways = dict(told)
    else:
        ways = dict(_ways(transition, audience))
        inhibited_by = _silenced_by(transition.key, audience) or inhibited_by
    is_ending = transition.kind in _ENDINGS
    return [
        Notification(
            event_id=transition.event_id,
            channel=channel,
            group_key=_group_key(
                transition, audience, is_deferred=at is not None and not is_ending
            ),
            not_before_at=max(
                (one for one in (at, audience.hold_until_at) if one is not None), default=None
            ),
            suppressed_by=None if is_ending else inhibited_by,
        )
        for channel, at in sorted(ways.items())
    ]


def _group_key(transition: Transition, audience: Audience, *, is_deferred: bool) -> str:
    """An alert has messages, and a thread, of its own, unless many wait for the same moment."""
    if is_deferred or audience.hold_until_at is not None:
        return f"group {audience.group or ''}"
    key = transition.key
    began_at = transition.first_bad_slot_at.isoformat()
    return repr(("alert", key.host, key.code.value, key.subject, began_at))


def inhibitor(key: AlertKey, live: Collection[Alert]) -> str | None:
    """What explains this alert already: an alert of the same host that is pending or open.

    Where we see nothing of a host, chrony's alerts say no more; where chronyd or gpsd is down,
    what they would report does not.
    """
    there = {alert.key.code for alert in live if alert.state is not AlertState.CLOSED}
    there.discard(key.code)
    if key.code in _BLIND_CODES:
        return None
    explanations = [code for code in _BLIND_CODES if code in there]
    if ProblemCode.CHRONYD_DOWN in there and key.code not in _NOT_CHRONYD:
        explanations.append(ProblemCode.CHRONYD_DOWN)
    if ProblemCode.GPS_UNAVAILABLE in there and key.code in _GPS_CODES:
        explanations.append(ProblemCode.GPS_UNAVAILABLE)
    return f"explained by {explanations[0]}" if explanations else None


def hold_of(alerts: int, hosts: int, interval_s: float) -> timedelta | None:
    """How long a group's messages wait for each other; None: not at all.

    `alerts` of the group are pending or were opened within an interval, of `hosts` watched.
    """
    if alerts < max(STORM_ALERTS, STORM_RATIO * hosts):
        return None
    return timedelta(seconds=min(interval_s, MAX_HOLD_S))


def next_open(hours: Hours, at: datetime) -> datetime | None:
    """When messages may be sent next; None: now."""
    openings = []
    today = at.astimezone(hours.zone).date()
    for days in range(-1, 9):  # a night's hours may have begun yesterday
        day = today + timedelta(days=days)
        if day.weekday() not in hours.weekdays:
            continue
        last_day = day if hours.ends > hours.begins else day + timedelta(days=1)
        # In UTC: the two may lie on either side of a change to or from summer time.
        begins_at = datetime.combine(day, hours.begins, hours.zone).astimezone(UTC)
        ends_at = datetime.combine(last_day, hours.ends, hours.zone).astimezone(UTC)
        if begins_at <= at < ends_at:
            return None
        if begins_at > at:
            openings.append(begins_at)
    return min(openings, default=None)


def _ways(transition: Transition, audience: Audience) -> Iterator[tuple[str, datetime | None]]:
    """Each channel and from when on; one that several routes name, by the soonest of them."""
    ways: dict[str, datetime | None] = {}
    for route in _routes_of(transition, audience):
        is_urgent = transition.severity is Severity.CRITICAL or route.hours is None
        at = None if is_urgent or route.hours is None else next_open(route.hours, audience.at)
        for channel in _channels_of(route, transition.key):
            earlier = ways.get(channel, at)
            ways[channel] = None if earlier is None or at is None else min(earlier, at)
    yield from ways.items()


def _routes_of(transition: Transition, audience: Audience) -> Sequence[Route]:
    """Those that match. The checker is of no group: where each route names some, it is of all."""
    found = [one for one in audience.routes if _matches(one, transition, audience.group)]
    if found or transition.key.host != CHECKER:
        return found
    return [
        one
        for one in audience.routes
        if _matches(replace(one, groups=frozenset()), transition, audience.group)
    ]


def _channels_of(route: Route, key: AlertKey) -> Sequence[str]:
    """A dead channel does not tell of itself: the route's others do, or the first that stands in."""
    if key.code is not ProblemCode.CHANNEL_DEAD or key.subject not in route.channels:
        return route.channels
    others = [channel for channel in route.channels if channel != key.subject]
    return others or [channel for channel in route.fallback if channel != key.subject][:1]


def _matches(route: Route, transition: Transition, group: str | None) -> bool:
    return (
        (not route.groups or group in route.groups)
        and (not route.severities or transition.severity in route.severities)
        and (not route.codes or transition.key.code in route.codes)
    )


def _silenced_by(key: AlertKey, audience: Audience) -> str | None:
    for silence in audience.silences:
        if silence.starts_at <= audience.at < silence.ends_at and all(
            wanted is None or wanted == found
            for wanted, found in (
                (silence.host, key.host),
                (silence.group, audience.group),
                (silence.code, key.code),
                (silence.subject, key.subject),
            )
        ):
            return f"silence {silence.silence_id} of {silence.created_by}: {silence.reason}"
    return None
