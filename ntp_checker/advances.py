"""From stored samples to alerts and what is to be told of them: in the samples' transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ntp_checker.alerting import advance, close_all, settle
from ntp_checker.audiences import (
    Alerting,
    group_of,
    in_storm,
    make_notifications,
    read_audiences,
    unseen_key,
)
from ntp_checker.blindness import Sight
from ntp_checker.explanations import read_explanations
from ntp_checker.heard import Told, heard_of
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertState,
    Notification,
    Transition,
)
from ntp_checker.routing import is_storm
from ntp_checker.store.alerts import HostAlerts, StorableAdvance, read_live, store_advances
from ntp_checker.store.audience import read_left_hosts, read_withheld
from ntp_checker.store.clock import read_clock
from ntp_checker.store.holds import settle_held
from ntp_checker.store.notifications import queue_news, read_told
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.samples import StorableSample
from ntp_checker.transitions import FLAPPING_WINDOW, told_at_last, withheld

__all__ = [
    "Alerting",
    "advance_alerts",
    "advance_host",
    "end_alerts_of_left",
    "end_hold",
    "store_and_tell",
    "tell_at_last",
]

NO_LONGER_WATCHED = "no longer watched"


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
        advance_host(host_id, of_host, found[host_id], alerting)
        for host_id, of_host in by_host.items()
    ]
    live = {
        of_host[0].judged.sample.host: list(found[host_id].live.values())
        for host_id, of_host in by_host.items()
    }
    queued, held_back = await _store_and_tell(
        conn, [one for one in made if one.alerts], live, alerting, decided
    )
    newest = [(of_host[-1], found[host_id]) for host_id, of_host in by_host.items()]
    queued_at_last, told_of = await tell_at_last(conn, newest, live, alerting)
    for one in (*held_back, *told_of):
        found[one.host_id].live.update({alert.key: alert for alert in one.alerts})
    return Advanced(
        notifications=queued + queued_at_last,
        hosts={number: found[number].as_of(of[-1].slot_at) for number, of in by_host.items()},
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
    return await store_and_tell(conn, made, {}, alerting)


async def end_hold(conn: CheckerConnection, sight: Sight) -> tuple[int, int]:
    """Sight is steady: what waited because this checker was blind goes now, in one message.

    But for alerts that are over: of them nobody hears. How many go, and how many do not.
    """
    return await settle_held(conn, unseen_key(sight), "the checker was blind")


def advance_host(
    host_id: int, samples: Sequence[StorableSample], state: HostAlerts, alerting: Alerting
) -> StorableAdvance:
    """What these samples make of a host's alerts; afterwards `state` is as of the last one."""
    settings = alerting.host_settings.get(samples[-1].judged.sample.host)
    alerts: list[Alert] = []
    transitions: list[Transition] = []
    for sample in samples:
        if state.judged_until_at is not None and sample.slot_at <= state.judged_until_at:
            continue  # a late one: what is true now is known better
        made = advance(state.live, state.recent, sample.judged, alerting.policy, settings)
        settle(state.live, state.recent, made)
        alerts += made.alerts
        transitions += made.transitions
    return StorableAdvance(
        host_id=host_id,
        lease_epoch=samples[-1].lease_epoch,
        alerts=alerts,
        transitions=transitions,
    )


async def store_and_tell(
    conn: CheckerConnection,
    made: Sequence[StorableAdvance],
    live: Mapping[str, Sequence[Alert]],
    alerting: Alerting,
) -> int:
    """Stores these and queues what is to be told of them; how many notifications that were.

    `live` are, by host, the alerts that are live now: one may explain another.
    """
    queued, _ = await _store_and_tell(conn, made, live, alerting, {})
    return queued


async def _store_and_tell(
    conn: CheckerConnection,
    made: Sequence[StorableAdvance],
    live: Mapping[str, Sequence[Alert]],
    alerting: Alerting,
    decided: Decided,
) -> tuple[int, Sequence[StorableAdvance]]:
    """The same; and the alerts that were held back from everybody, as they are now."""
    if not made:
        return 0, ()
    new = await store_advances(conn, made)
    alerting.on_stored(new)
    if not new or not alerting.routes:
        return 0, ()
    audiences = await read_audiences(conn, {group_of(alerting, one.key) for one in new}, alerting)
    told = await read_told(conn, (one.event_id for one in new))
    explained = await read_explanations(conn, new, live, alerting.hosts_at)
    notifications: list[Notification] = []
    #: By alert: whom this very batch tells of it, in the order of its transitions.
    telling: dict[tuple[AlertKey, datetime], dict[str, Told]] = {}
    for transition in new:
        audience = audiences[group_of(alerting, transition.key)]
        here = telling.setdefault((transition.key, transition.first_bad_slot_at), {})
        heard = {**told[transition.event_id], **here}
        found = list(decided.get(transition.event_id, ())) or make_notifications(
            transition, audience, explained.get(transition.event_id), heard
        )
        here |= {
            one.channel: heard_of(heard.get(one.channel), transition, one)
            for one in found
            if one.suppressed_by is None
        }
        notifications += found
    held_back = await _note_withheld(conn, made, new, notifications)
    return await queue_news(conn, notifications), held_back


async def _note_withheld(
    conn: CheckerConnection,
    made: Sequence[StorableAdvance],
    new: Sequence[Transition],
    notifications: Sequence[Notification],
) -> Sequence[StorableAdvance]:
    """Afterwards each open alert whose last telling was held back from everybody says so: these."""
    all_of_them = {one.event_id for one in notifications}
    go_out = {one.event_id for one in notifications if one.suppressed_by is None}
    # Of an alert the last counts: transitions come in order.
    held = {
        (transition.key, transition.first_bad_slot_at): transition.event_id not in go_out
        for transition in new
        if transition.event_id in all_of_them
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
    return noted


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


async def tell_at_last(
    conn: CheckerConnection,
    newest: Sequence[tuple[StorableSample, HostAlerts]],
    live: Mapping[str, Sequence[Alert]],
    alerting: Alerting,
) -> tuple[int, Sequence[StorableAdvance]]:
    """Tells of withheld alerts that nothing holds back any more; the others stay as they are.

    Given is each host's newest sample, and its alerts after it. A silence may end for many at once:
    then they wait for each other, as in a storm. How many notifications were queued, and those
    alerts as they are now.
    """
    at_last = [one for one in (_at_last(*pair) for pair in newest) if one.alerts]
    if not at_last or not alerting.routes:
        return 0, ()
    groups = {group_of(alerting, alert.key) for one in at_last for alert in one.alerts}
    audiences = dict(await read_audiences(conn, groups, alerting))
    lately = timedelta(seconds=alerting.interval_s)
    first_at = min(alert.last_slot_at for one in at_last for alert in one.alerts)
    many = await read_withheld(conn, groups, told_since_at=first_at - lately)
    for group in groups:
        if is_storm(many[group], 0):
            audiences[group] = in_storm(audiences[group], alerting)
    explained = await read_explanations(
        conn, [step for one in at_last for step in one.transitions], live, alerting.hosts_at
    )
    made: list[StorableAdvance] = []
    notifications: list[Notification] = []
    for one in at_last:
        kept = []
        for alert, transition in zip(one.alerts, one.transitions, strict=True):
            audience = audiences[group_of(alerting, alert.key)]
            found = make_notifications(
                transition, audience, explained.get(transition.event_id), told={}
            )
            if any(notification.suppressed_by is None for notification in found):
                kept.append((alert, transition))
                notifications += found
        made.append(
            replace(
                one, alerts=[alert for alert, _ in kept], transitions=[step for _, step in kept]
            )
        )
    stored = await store_advances(conn, made)
    alerting.on_stored(stored)
    new = {transition.event_id for transition in stored}
    return await queue_news(conn, [one for one in notifications if one.event_id in new]), made
