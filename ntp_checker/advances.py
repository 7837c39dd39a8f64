"""From stored samples to alerts and what is to be told of them: in the samples' transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ntp_checker.alerting import advance, close_all, settle
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertPolicy,
    AlertState,
    Notification,
    Route,
    Transition,
)
from ntp_checker.routing import Audience, hold_of, inhibitor, notifications_of
from ntp_checker.store.alerts import HostAlerts, StorableAdvance, read_live, store_advances
from ntp_checker.store.audience import read_groups, read_left_hosts, read_withheld
from ntp_checker.store.clock import read_clock
from ntp_checker.store.notifications import queue, read_told
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.samples import StorableSample
from ntp_checker.store.silences import read_in_force
from ntp_checker.transitions import FLAPPING_WINDOW, told_at_last, withheld

#: What happened longer ago than this is told in one digest: a spool was replayed.
OLD_NEWS = timedelta(minutes=5)
OLD_NEWS_KEY = "what happened meanwhile"
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


async def advance_alerts(
    conn: CheckerConnection, samples: Sequence[StorableSample], alerting: Alerting
) -> int:
    """Takes these new samples of held leases into their hosts' alerts, each host's in order.

    Before `latest` moves. How many notifications were queued; they, the transitions and the
    alerts are there when the transaction commits.
    """
    if not samples:
        return 0
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
    queued = await _store_and_tell(conn, [one for one in made if one.alerts], live, alerting)
    at_last = [_at_last(of_host[-1], found[host_id]) for host_id, of_host in by_host.items()]
    return queued + await _tell_at_last(
        conn, [one for one in at_last if one.alerts], live, alerting
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
    return await _store_and_tell(conn, made, {}, alerting)


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


async def _store_and_tell(
    conn: CheckerConnection,
    made: Sequence[StorableAdvance],
    live: Mapping[int, Sequence[Alert]],
    alerting: Alerting,
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
        found = notifications_of(
            transition,
            audience,
            inhibited_by=inhibitor(transition.key, live.get(host_of[transition.event_id], ())),
            told={**told[transition.event_id], **here},
        )
        if audience.at - transition.slot_at > OLD_NEWS:
            found = [_as_old_news(one, audience.at) for one in found]
        here |= {one.channel: one.not_before_at for one in found if one.suppressed_by is None}
        notifications += found
    await _note_withheld(conn, made, new, notifications)
    return await queue(conn, notifications)


async def _note_withheld(
    conn: CheckerConnection,
    made: Sequence[StorableAdvance],
    new: Sequence[Transition],
    notifications: Sequence[Notification],
) -> None:
    """Afterwards each open alert whose last telling was held back from everybody says so."""
    is_held_back = {found.event_id: found.suppressed_by is not None for found in notifications}
    # Of an alert the last counts: transitions come in order.
    held = {
        (transition.key, transition.first_bad_slot_at): is_held_back[transition.event_id]
        for transition in new
        if transition.event_id in is_held_back
    }
    noted = []
    for one in made:
        newest = {(alert.key, alert.first_bad_slot_at): alert for alert in one.alerts}
        alerts = [
            withheld(alert)
            for identity, alert in newest.items()
            if alert.state is AlertState.OPEN and held.get(identity)
        ]
        noted.append(replace(one, alerts=alerts, transitions=()))
    await store_advances(conn, noted)


def _at_last(sample: StorableSample, state: HostAlerts) -> StorableAdvance:
    """What would be told of a host's withheld alerts with its newest sample."""
    steps = []
    if state.judged_until_at is None or sample.slot_at > state.judged_until_at:
        found = (told_at_last(alert, sample.slot_at) for alert in state.live.values())
        steps = [step for step in found if step is not None]
    return StorableAdvance(
        host_id=sample.host_id,
        lease_epoch=sample.lease_epoch,
        alerts=[alert for alert, _ in steps],
        transitions=[transition for _, transition in steps if transition is not None],
    )


async def _tell_at_last(
    conn: CheckerConnection,
    at_last: Sequence[StorableAdvance],
    live: Mapping[int, Sequence[Alert]],
    alerting: Alerting,
) -> int:
    """Tells of withheld alerts that nothing holds back any more; the others stay as they are.

    A silence may end for many at once: then they wait for each other, as in a storm. How many
    notifications were queued.
    """
    if not at_last or not alerting.routes:
        return 0
    groups = {_group(alerting, alert.key) for one in at_last for alert in one.alerts}
    audiences = await _audiences(conn, groups, alerting)
    lately = timedelta(seconds=alerting.interval_s)
    first_at = min(alert.last_slot_at for one in at_last for alert in one.alerts)
    many = await read_withheld(conn, groups, told_since_at=first_at - lately)
    made: list[StorableAdvance] = []
    notifications: list[Notification] = []
    for one in at_last:
        kept = []
        for alert, transition in zip(one.alerts, one.transitions, strict=True):
            group = _group(alerting, alert.key)
            hold = hold_of(many[group], 0, alerting.interval_s)
            audience = audiences[group]
            if hold is not None:
                audience = replace(audience, hold_until_at=audience.at + hold)
            found = notifications_of(
                transition,
                audience,
                inhibited_by=inhibitor(alert.key, live.get(one.host_id, ())),
                told={},
            )
            if found and all(notification.suppressed_by is None for notification in found):
                kept.append((alert, transition))
                notifications += found
        made.append(
            replace(
                one, alerts=[alert for alert, _ in kept], transitions=[step for _, step in kept]
            )
        )
    new = {transition.event_id for transition in await store_advances(conn, made)}
    return await queue(conn, [one for one in notifications if one.event_id in new])


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


def _as_old_news(notification: Notification, now_at: datetime) -> Notification:
    """In one digest with all else that happened while nobody could be told."""
    waits_until_at = now_at + OLD_NEWS_HOLD
    return Notification(
        event_id=notification.event_id,
        channel=notification.channel,
        group_key=OLD_NEWS_KEY,
        not_before_at=max(notification.not_before_at or waits_until_at, waits_until_at),
        suppressed_by=notification.suppressed_by,
    )
