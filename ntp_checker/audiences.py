"""Who may hear of transitions just now: what is configured, silenced, in a storm, unseen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ntp_checker.blindness import Sight
from ntp_checker.heard import Told
from ntp_checker.model import AlertKey, AlertPolicy, Host, Notification, Route, Transition
from ntp_checker.routing import (
    STORM_KEY,
    Audience,
    Hold,
    is_storm,
    notifications_of,
    storm_hold,
)
from ntp_checker.store.audience import GroupNow, read_groups
from ntp_checker.store.clock import read_clock
from ntp_checker.store.holds import read_window
from ntp_checker.store.notifications import OLD_NEWS_KEY
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.silences import read_in_force

#: What happened longer ago than this is told in one digest: a spool was replayed.
OLD_NEWS = timedelta(minutes=5)
#: How long a digest waits for the batches after this one.
OLD_NEWS_HOLD = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """What is configured of alerts, and what the checker knows beside the samples."""

    policy: AlertPolicy = field(default_factory=AlertPolicy)
    routes: tuple[Route, ...] = ()
    interval_s: float = 30.0  #: between two looks at a host
    group_of: Mapping[str, str] = field(default_factory=dict)  #: by host; without those of none
    #: Those watched, by name, as the settings have them now: what these switch off ends.
    host_settings: Mapping[str, Host] = field(default_factory=dict)
    sight: Sight = field(default_factory=Sight)  #: of this checker, as of its last look
    #: Watched hosts by their IP addresses, as far as these are known.
    hosts_at: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Told of each step that was stored; again, if its transaction had to be repeated.
    on_stored: Callable[[Sequence[Transition]], None] = lambda _: None


async def read_audiences(
    conn: CheckerConnection, groups: set[str], alerting: Alerting
) -> Mapping[str, Audience]:
    """What decides who hears of transitions now, by group; "" are the hosts without one."""
    now_at = await read_clock(conn)
    silences = await read_in_force(conn, now_at)
    found = await read_groups(
        conn,
        at=now_at,
        lately=timedelta(seconds=alerting.interval_s),
        remind_every=alerting.policy.remind_every,
    )
    longest_until_at = now_at + storm_hold(alerting.interval_s)
    window = await read_window(conn, STORM_KEY, at=now_at, latest_at=longest_until_at)
    # A storm that goes on is known by what waits: its last hosts are few.
    hold_until_at = {
        group: longest_until_at if window is None and is_stormy(found, group, alerting) else window
        for group in groups
    }
    unseen_hold = unseen_hold_of(alerting.sight, now_at)
    return {
        group: Audience(
            routes=alerting.routes,
            silences=silences,
            group=group or None,
            at=now_at,
            hold_until_at=hold_until_at[group],
            unseen_hold=unseen_hold,
        )
        for group in groups
    }


def in_storm(audience: Audience, alerting: Alerting) -> Audience:
    """The same, where many come together that no count foretold."""
    if audience.hold_until_at is not None:
        return audience
    return replace(audience, hold_until_at=audience.at + storm_hold(alerting.interval_s))


def is_stormy(found: Mapping[str, GroupNow], group: str, alerting: Alerting) -> bool:
    """True where many come together: in this group, in all of them, or all of a small fleet."""
    of_group = found.get(group, GroupNow())
    fleet = GroupNow(
        alerts=sum(one.alerts for one in found.values()),
        hosts=sum(one.hosts for one in found.values()),
    )
    return alerting.sight.is_small_fleet_gone or any(
        is_storm(many.alerts, many.hosts) for many in (of_group, fleet)
    )


def unseen_hold_of(sight: Sight, now_at: datetime) -> Hold | None:
    """What waits because the checker sees nothing; None if it sees, or was blind for too long."""
    until_at = sight.held_until_at
    if until_at is None or until_at <= now_at:
        return None
    return Hold(until_at=until_at, group_key=unseen_key(sight))


def unseen_key(sight: Sight) -> str:
    """Of what waits because this checker sees nothing: another one may see."""
    return f"unseen by {sight.observer}"


def group_of(alerting: Alerting, key: AlertKey) -> str:
    """Of the alert's host; "" for none."""
    return alerting.group_of.get(key.host, "")


def make_notifications(
    transition: Transition,
    audience: Audience,
    inhibited_by: str | None,
    told: Mapping[str, Told],
) -> list[Notification]:
    """Who hears of it, as `notifications_of` has it; of what happened long ago in one digest."""
    found = notifications_of(transition, audience, inhibited_by=inhibited_by, told=told)
    return _unless_old_news(found, transition, audience)


def _unless_old_news(
    found: Sequence[Notification], transition: Transition, audience: Audience
) -> list[Notification]:
    """Old news are told in one digest with all else that happened while nobody could be told.

    But for what waits for the checker's sight anyway.
    """
    hold = audience.unseen_hold
    is_held = hold is not None and any(one.group_key == hold.group_key for one in found)
    if audience.at - transition.slot_at <= OLD_NEWS or is_held:
        return list(found)
    waits_until_at = audience.at + OLD_NEWS_HOLD
    return [
        replace(
            one,
            group_key=OLD_NEWS_KEY,
            not_before_at=max(one.not_before_at or waits_until_at, waits_until_at),
        )
        for one in found
    ]
