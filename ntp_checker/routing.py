"""Who is told of a transition: routes, hours, silences, inhibition, grouping. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ntp_checker.heard import ENDINGS, Told
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
#: A host's third bad look comes up to an interval after the first host's, and a moment later it is
#: stored: the last of them is to be in time, too.
HOLD_MARGIN_S = 2.0
#: All that waits for the end of a storm shares a message, of whatever group it is.
STORM_KEY = "many at once"

_BLIND_CODES = (
    ProblemCode.HOST_UNREACHABLE,
    ProblemCode.LOGIN_REFUSED,
    ProblemCode.HOST_KEY_CHANGED,
)
#: What comes from not seeing a host, and may be the checker's own trouble. A host key that changed
#: was seen.
UNSEEN_CODES = frozenset(
    {
        ProblemCode.HOST_UNREACHABLE,
        ProblemCode.LOGIN_REFUSED,
        ProblemCode.PROBE_FAILED,
        ProblemCode.GPS_UNAVAILABLE,
        ProblemCode.GPS_SILENT,
    }
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What waits for one moment and then shares a message."""

    until_at: datetime
    group_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What decides who hears of one host's transitions, beside the transitions."""

    routes: Sequence[Route]
    silences: Sequence[Silence]
    group: str | None  #: of the host
    at: datetime  #: the database's clock
    hold_until_at: datetime | None = None  #: where many come together
    #: Of what comes from not seeing a host, while the checker sees none.
    unseen_hold: Hold | None = None


def notifications_of(
    transition: Transition,
    audience: Audience,
    *,
    inhibited_by: str | None = None,
    told: Mapping[str, Told],
) -> list[Notification]:
    """One for each channel that is to hear of it; a suppressed one says by what.

    `told` are the channels that heard of this alert before. Nobody is told of an acknowledgement,
    nor of what is quiet because the alert flaps.
    """
    if transition.is_quiet or transition.kind is TransitionKind.ACKNOWLEDGED:
        return []
    if transition.kind in ENDINGS:
        return [_ending(transition, audience, channel, told[channel]) for channel in sorted(told)]
    suppressed_by = _silenced_by(transition.key, audience) or inhibited_by
    found = []
    for channel, deferred_until_at in sorted(_ways(transition, audience)):
        group_key, waits_until_at = _moment(transition, audience, deferred_until_at)
        found.append(
            Notification(
                event_id=transition.event_id,
                channel=channel,
                group_key=group_key,
                not_before_at=waits_until_at,
                suppressed_by=suppressed_by,
            )
        )
    return found


def ways_of(
    transition: Transition, routes: Sequence[Route], group: str | None, at: datetime
) -> dict[str, datetime | None]:
    """The channels that these routes name for it, each with when it may be told; None: at once."""
    return dict(_ways(transition, Audience(routes=routes, silences=(), group=group, at=at)))


def _ending(transition: Transition, audience: Audience, channel: str, told: Told) -> Notification:
    """The end goes with what it ends, where that still waits: one message says both.

    Else it is as urgent as the worst that was told there.
    """
    deferred_until_at = None
    if not told.is_critical:
        deferred_until_at = _end_deferred_until(transition, audience, channel)
    group_key, waits_until_at = _moment(transition, audience, deferred_until_at)
    if told.until_at is not None:
        group_key, waits_until_at = told.group_key, told.until_at
    return Notification(
        event_id=transition.event_id,
        channel=channel,
        group_key=group_key,
        not_before_at=waits_until_at,
    )


def _end_deferred_until(
    transition: Transition, audience: Audience, channel: str
) -> datetime | None:
    """When a channel that was told of a warning is told its end; None: at once.

    By the routes that tell it of warnings, or have it stand in; without one there are no hours.
    """
    warning = replace(transition, severity=Severity.WARNING)
    openings = [
        None if route.hours is None else next_open(route.hours, audience.at)
        for route in _routes_of(warning, audience)
        if channel in (*route.channels, *route.fallback)
    ]
    known = [at for at in openings if at is not None]
    return min(known) if known and len(known) == len(openings) else None


def _moment(
    transition: Transition, audience: Audience, deferred_until_at: datetime | None
) -> tuple[str, datetime | None]:
    """What shares a message with it, and from when on that goes; None: at once.

    What hours defer shares one with its group's.
    """
    group_key, waits_until_at = _undeferred_moment(transition, audience)
    if deferred_until_at is None:
        return group_key, waits_until_at
    return (
        f"group {audience.group or ''}",
        max(deferred_until_at, waits_until_at or deferred_until_at),
    )


def _undeferred_moment(transition: Transition, audience: Audience) -> tuple[str, datetime | None]:
    """The same without hours.

    An alert has messages, and a thread, of its own, unless many wait for the same moment. The
    checker's own are few, and may be what the many are about.
    """
    key = transition.key
    if audience.unseen_hold is not None and key.code in UNSEEN_CODES:
        return audience.unseen_hold.group_key, audience.unseen_hold.until_at
    if audience.hold_until_at is not None and key.host != CHECKER:
        return STORM_KEY, audience.hold_until_at
    began_at = transition.first_bad_slot_at.isoformat()
    return repr(("alert", key.host, key.code.value, key.subject, began_at)), None


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


def is_storm(alerts: int, hosts: int) -> bool:
    """True where messages wait for each other.

    `alerts` of a group, or of the fleet, are on their way to a transition or had one within an
    interval, of `hosts` watched.
    """
    return alerts >= max(STORM_ALERTS, STORM_RATIO * hosts)


def storm_hold(interval_s: float) -> timedelta:
    """From the first transition of a storm to its message."""
    return timedelta(seconds=min(interval_s, MAX_HOLD_S) + HOLD_MARGIN_S)


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
        holds = silence.starts_at <= audience.at < silence.ends_at
        if holds and silence.covers(
            host=key.host, group=audience.group, code=key.code, subject=key.subject
        ):
            return f"silence {silence.silence_id} of {silence.created_by}: {silence.reason}"
    return None
