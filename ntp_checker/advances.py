"""From stored samples to alerts and what is to be told of them: in the samples' transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ntp_checker.alerting import advance, close_all, settle
from ntp_checker.model import Alert, AlertKey, AlertPolicy, Notification, Route, Transition
from ntp_checker.routing import Audience, hold_of, inhibitor, notifications_of
from ntp_checker.store.alerts import HostAlerts, StorableAdvance, read_live, store_advances
from ntp_checker.store.audience import read_groups, read_left_hosts
from ntp_checker.store.clock import read_clock
from ntp_checker.store.notifications import OLD_NEWS_KEY, queue, read_told
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.samples import StorableSample
from ntp_checker.store.silences import read_in_force
from ntp_checker.transitions import FLAPPING_WINDOW

#: What happened longer ago than this is told in one digest: a spool was replayed.
OLD_NEWS = timedelta(minutes=5)
#: How long a digest waits for the batches after this one.
OLD_NEWS_HOLD = timedelta(seconds=20)


NO_LONGER_WATCHED = "no longer watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """What is configured of alerts."""

    policy: AlertPolicy = field(default_factory=AlertPolicy)
    routes: tuple[Route, ...] = ()
    interval_s: float = 30.0  #: between two looks at a host
    group_of: Mapping[str, str] = field(default_factory=dict)  #: by host; without those of none


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """What a batch of samples came to."""

    notifications: int = 0  #: that were queued
    #: By its number, each host's alerts as they are now; None: neither live nor recent ones.
    hosts: Mapping[int, HostAlerts | None] = field(default_factory=dict)


#: By transition, whom it was told already, or was to be.
Decided = Mapping[UUID, Sequence[Notification]]


async def advance_alerts(
    conn: CheckerConnection,
    samples: Sequence[StorableSample],
    alerting: Alerting,
    decided: Decided,
) -> Advanced:
    """Takes these new samples of held leases into their hosts' alerts, each host's in order.

    Before `latest` moves. Who hears of what is `decided` already stays as it is. The notifications,
    the transitions and the alerts are there when the transaction commits.
    """
    if not samples:
        return Advanced()
    by_host: dict[int, list[StorableSample]] = {}
    for sample in samples:
        by_host.setdefault(sample.host_id, []).append(sample)
    first_at = min(sample.slot_at for sample in samples)
    found = await read_live(conn, by_host, closed_since_at=first_at - FLAPPING_WINDOW)
    made = [
        _advance_host(host_id, of_host, found[host_id], alerting.policy)
        for host_id, of_host in by_host.items()
    ]
    live = {one.host_id: list(found[one.host_id].live.values()) for one in made}
    queued = await _store_and_tell(
        conn, [one for one in made if one.alerts], live, alerting, decided
    )
    return Advanced(
        notifications=queued,
        hosts={
            host_id: _as_of(found[host_id], of_host[-1].slot_at)
            for host_id, of_host in by_host.items()
        },
    )


async def end_alerts_of_left(conn: CheckerConnection, owner: str, alerting: Alerting) -> int:
    """Ends all alerts of this owner's hosts that are watched no more.

    How many notifications were queued.
    """
    epochs = await read_left_hosts(conn, owner)
    if not epochs:
        return 0
    now_at = await read_clock(conn)
    found = await read_live(conn, epochs, closed_since_at=now_at)
    made = []
    for host_id, epoch in epochs.items():
        ended = close_all(found[host_id].live, now_at, NO_LONGER_WATCHED)
        made.append(
            StorableAdvance(
                host_id=host_id,
                lease_epoch=epoch,
                alerts=ended.alerts,
                transitions=ended.transitions,
            )
        )
    return await _store_and_tell(conn, made, {}, alerting, {})


def _advance_host(
    host_id: int, samples: Sequence[StorableSample], state: HostAlerts, policy: AlertPolicy
) -> StorableAdvance:
    """Afterwards `state` is as of the last sample."""
    alerts: list[Alert] = []
    transitions: list[Transition] = []
    for sample in samples:
        if state.judged_until_at is not None and sample.slot_at <= state.judged_until_at:
            continue  # a late one: what is true now is known better
        made = advance(state.live, state.recent, sample.judged, policy)
        settle(state.live, state.recent, made)
        alerts += made.alerts
        transitions += made.transitions
    return StorableAdvance(
        host_id=host_id,
        lease_epoch=samples[-1].lease_epoch,
        alerts=alerts,
        transitions=transitions,
    )


def _as_of(state: HostAlerts, slot_at: datetime) -> HostAlerts | None:
    if not state.live and not state.recent:
        return None
    return replace(state, judged_until_at=max(state.judged_until_at or slot_at, slot_at))


async def _store_and_tell(
    conn: CheckerConnection,
    made: Sequence[StorableAdvance],
    live: Mapping[int, Sequence[Alert]],
    alerting: Alerting,
    decided: Decided,
) -> int:
    if not made:
        return 0
    host_of = {one.event_id: advance.host_id for advance in made for one in advance.transitions}
    new = await store_advances(conn, made)
    if not new or not alerting.routes:
        return 0
    audiences = await _audiences(conn, {_group(alerting, one.key) for one in new}, alerting)
    told = await read_told(conn, (one.event_id for one in new))
    notifications: list[Notification] = []
    #: By alert: whom this very batch tells of it, in the order of its transitions.
    telling: dict[tuple[AlertKey, datetime], dict[str, datetime | None]] = {}
    for transition in new:
        audience = audiences[_group(alerting, transition.key)]
        here = telling.setdefault((transition.key, transition.first_bad_slot_at), {})
        found = list(decided.get(transition.event_id, ()))
        if not found:
            found = notifications_of(
                transition,
                audience,
                inhibited_by=inhibitor(transition.key, live.get(host_of[transition.event_id], ())),
                told={**told[transition.event_id], **here},
            )
            if audience.at - transition.slot_at > OLD_NEWS:
                found = [as_old_news(one, audience.at) for one in found]
        here |= {one.channel: one.not_before_at for one in found if one.suppressed_by is None}
        notifications += found
    return await queue(conn, notifications)


async def _audiences(
    conn: CheckerConnection, groups: set[str], alerting: Alerting
) -> Mapping[str, Audience]:
    """By group."""
    now_at = await read_clock(conn)
    silences = await read_in_force(conn, now_at)
    lately = timedelta(seconds=alerting.interval_s)
    found = await read_groups(conn, groups, opened_since_at=now_at - lately)
    audiences = {}
    for group in groups:
        hold = hold_of(found[group].alerts, found[group].hosts, alerting.interval_s)
        audiences[group] = Audience(
            routes=alerting.routes,
            silences=silences,
            group=group or None,
            at=now_at,
            hold_until_at=None if hold is None else now_at + hold,
        )
    return audiences


def _group(alerting: Alerting, key: AlertKey) -> str:
    return alerting.group_of.get(key.host, "")


def as_old_news(notification: Notification, now_at: datetime) -> Notification:
    """To be told in one digest with all else that happened while nobody could be told."""
    waits_until_at = now_at + OLD_NEWS_HOLD
    return Notification(
        event_id=notification.event_id,
        channel=notification.channel,
        group_key=OLD_NEWS_KEY,
        not_before_at=max(notification.not_before_at or waits_until_at, waits_until_at),
        suppressed_by=notification.suppressed_by,
    )
