"""The hosts' alerts carried on from what the database said last, and who is to hear. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from ntp_checker.alerting import advance, settle
from ntp_checker.audiences import (
    Alerting,
    group_of,
    is_stormy,
    make_notifications,
    unseen_hold_of,
)
from ntp_checker.heard import Told, heard_of
from ntp_checker.known_alerts import Known
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertState,
    JudgedSample,
    Silence,
    Transition,
)
from ntp_checker.notes import Decision, Note, NoteState, NoteSubject
from ntp_checker.routing import Audience, inhibitor, storm_hold
from ntp_checker.store.audience import GroupNow
from ntp_checker.transitions import withheld
from ntp_checker.upstream import EXPLAINING, HEALING, Trouble, explanation, lost_sources

#: Of one alert: key and first bad slot.
_Identity = tuple[AlertKey, datetime]


@dataclass(slots=True, kw_only=True)
class _Host:
    """What a host's next sample meets."""

    live: dict[AlertKey, Alert] = field(default_factory=dict)
    recent: dict[AlertKey, Alert] = field(default_factory=dict)
    judged_until_at: datetime | None = None  #: None before the first


class Fleet:
    """All hosts of this checker, as of the last sample given.

    `committed` has each host's newest slot that the database took. What the notes tell of is not
    decided again.
    """

    def __init__(
        self, known: Known, committed: Mapping[str, datetime], notes: Iterable[Note]
    ) -> None:
        self._hosts = {host: _Host(judged_until_at=at) for host, at in committed.items()}
        self._told: dict[_Identity, dict[str, Told]] = {}  #: by alert, the channels that heard
        self._lately: list[Transition] = []  #: those of the last interval
        self._storm_until_at: datetime | None = None  #: what comes together waits for this
        self._decided: set[UUID] = set()
        for name, alerts in known.hosts.items():
            if alerts is None:
                continue
            host = self._host(name)
            until = (alerts.judged_until_at, host.judged_until_at)
            host.judged_until_at = max((at for at in until if at is not None), default=None)
            for one in alerts.alerts:
                of_state = host.recent if one.alert.state is AlertState.CLOSED else host.live
                of_state[one.alert.key] = one.alert
                self._told[one.alert.key, one.alert.first_bad_slot_at] = dict(one.told)
        for note in notes:
            self._decided.add(note.transition.event_id)
            if note.state in (NoteState.WAITING, NoteState.ACCEPTED):
                heard = self._heard(note.transition)
                before = heard.get(note.channel)
                heard[note.channel] = heard_of(before, note.transition, note.decided)

    def advance(
        self,
        samples: Iterable[JudgedSample],
        alerting: Alerting,
        *,
        silences: Sequence[Silence],
        hosts: Mapping[str, int],
        now: datetime,
    ) -> list[Decision]:
        """Takes these samples in, each host's in the order of its slots, and says who is to hear.

        `silences` are in force; `hosts` says how many there are by group, "" for those of none.
        """
        subjects = [
            NoteSubject(
                transition=transition,
                alert=alert,
                group=alerting.group_of.get(transition.key.host),
            )
            for sample in sorted(samples, key=lambda one: one.sample.slot_at)
            for transition, alert in self._advance_host(sample, alerting)
        ]
        undecided = [one for one in subjects if one.transition.event_id not in self._decided]
        if not undecided or not alerting.routes:
            return []
        self._note_storm([one.transition for one in undecided], alerting, hosts, now)
        return [
            decision
            for subject in undecided
            for decision in self._decide(
                subject,
                Audience(
                    routes=alerting.routes,
                    silences=silences,
                    group=subject.group,
                    at=now,
                    hold_until_at=self._storm_until_at,
                    unseen_hold=unseen_hold_of(alerting.sight, now),
                ),
                alerting,
            )
        ]

    def _advance_host(
        self, judged: JudgedSample, alerting: Alerting
    ) -> Iterable[tuple[Transition, Alert]]:
        name, slot_at = judged.sample.host, judged.sample.slot_at
        host, settings = self._host(name), alerting.host_settings.get(name)
        if host.judged_until_at is not None and slot_at <= host.judged_until_at:
            return  # a late one: what is true now is known better
        made = advance(host.live, host.recent, judged, alerting.policy, settings)
        settle(host.live, host.recent, made)
        host.judged_until_at = slot_at
        alerts = {(alert.key, alert.first_bad_slot_at): alert for alert in made.alerts}
        for transition in made.transitions:
            yield transition, alerts[transition.key, transition.first_bad_slot_at]

    def _decide(
        self, subject: NoteSubject, audience: Audience, alerting: Alerting
    ) -> list[Decision]:
        transition = subject.transition
        heard = self._heard(transition)
        told = {**self._heard_of_flapping(transition), **heard}
        found = make_notifications(
            transition,
            audience,
            self._explained_by(transition, alerting, audience.at),
            {channel: _as_of(one, audience.at) for channel, one in told.items()},
        )
        self._decided.add(transition.event_id)
        heard |= {
            one.channel: heard_of(told.get(one.channel), transition, one)
            for one in found
            if one.suppressed_by is None
        }
        if found and all(one.suppressed_by is not None for one in found):
            self._withhold(transition)
        return [Decision(notification=one, subject=subject) for one in found]

    def _withhold(self, transition: Transition) -> None:
        """As the database will: nobody is to be reminded of what nobody was told."""
        live = self._host(transition.key.host).live
        alert = live.get(transition.key)
        if alert is not None and alert.state is AlertState.OPEN:
            live[alert.key] = withheld(alert)

    def _explained_by(
        self, transition: Transition, alerting: Alerting, now: datetime
    ) -> str | None:
        """By an alert of the same host, or of the hosts that are its sources."""
        key, of_host = transition.key, self._host(transition.key.host).live.values()
        if (by_own := inhibitor(key, of_host)) is not None:
            return by_own
        if not (addresses := lost_sources(key, of_host)):
            return None
        return explanation(
            key,
            transition.first_bad_slot_at,
            addresses,
            hosts_at=alerting.hosts_at,
            troubles=[
                Trouble(host=name, code=alert.key.code, first_bad_slot_at=alert.first_bad_slot_at)
                for address in addresses
                for name in alerting.hosts_at.get(address, ())
                for alert in (*self._host(name).live.values(), *self._host(name).recent.values())
                if alert.key.code in EXPLAINING
                and (alert.closed_at is None or alert.closed_at >= now - HEALING)
            ],
        )

    def _note_storm(
        self,
        transitions: Iterable[Transition],
        alerting: Alerting,
        hosts: Mapping[str, int],
        now: datetime,
    ) -> None:
        """Afterwards it is known until when what comes together waits, if many do."""
        since_at = now - timedelta(seconds=alerting.interval_s)
        self._lately = [one for one in (*self._lately, *transitions) if one.slot_at >= since_at]
        if self._storm_until_at is not None and self._storm_until_at > now:
            return  # a storm that goes on is known by what waits: its last hosts are few
        moving = {(one.key, one.first_bad_slot_at) for one in self._lately} | {
            (alert.key, alert.first_bad_slot_at)
            for host in self._hosts.values()
            for alert in host.live.values()
            if alert.state is AlertState.PENDING
            or (alert.bad_in_a_row == 0 and alert.good_in_a_row > 0)
        }
        counts = dict.fromkeys(hosts, 0)
        for key, _ in moving:
            group = group_of(alerting, key)
            counts[group] = counts.get(group, 0) + 1
        found = {
            group: GroupNow(alerts=alerts, hosts=hosts.get(group, 0))
            for group, alerts in counts.items()
        }
        is_storm = any(is_stormy(found, group, alerting) for group in found)
        self._storm_until_at = now + storm_hold(alerting.interval_s) if is_storm else None

    def _heard(self, transition: Transition) -> dict[str, Told]:
        return self._told.setdefault((transition.key, transition.first_bad_slot_at), {})

    def _heard_of_flapping(self, transition: Transition) -> Mapping[str, Told]:
        """Those who were told that what it is about had begun to flap, with an alert before it."""
        last = self._host(transition.key.host).recent.get(transition.key)
        if last is None or last.first_bad_slot_at == transition.first_bad_slot_at:
            return {}
        if last.flapping_since_at is None:
            return {}
        return self._told.get((last.key, last.first_bad_slot_at), {})

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host())


def _as_of(told: Told, now: datetime) -> Told:
    """What waited until then is gone."""
    waits = told.until_at is not None and told.until_at > now
    return told if waits else Told(is_critical=told.is_critical)


def hosts_by_group(names: Collection[str], alerting: Alerting) -> dict[str, int]:
    """How many of these hosts there are in each group, "" for those of none."""
    counts: dict[str, int] = {}
    for name in names:
        group = alerting.group_of.get(name, "")
        counts[group] = counts.get(group, 0) + 1
    return counts
