"""The hosts' alerts carried on from what the database said last, and who is to hear. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from ntp_checker.advances import OLD_NEWS, Alerting, as_old_news
from ntp_checker.alerting import advance, settle
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
from ntp_checker.routing import Audience, hold_of, inhibitor, notifications_of

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
        #: The channels that heard of an alert, as in KnownAlert.
        self._told: dict[_Identity, dict[str, datetime | None]] = {}
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
                self._heard(note.transition)[note.channel] = note.decided.not_before_at

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
        groups = {one.group or "" for one in undecided}
        audiences = {
            group: Audience(
                routes=alerting.routes,
                silences=silences,
                group=group or None,
                at=now,
                hold_until_at=self._hold_until(group, alerting, hosts.get(group, 0), now),
            )
            for group in groups
        }
        return [
            decision
            for subject in undecided
            for decision in self._decide(subject, audiences[subject.group or ""])
        ]

    def _advance_host(
        self, judged: JudgedSample, alerting: Alerting
    ) -> Iterable[tuple[Transition, Alert]]:
        host, slot_at = self._host(judged.sample.host), judged.sample.slot_at
        if host.judged_until_at is not None and slot_at <= host.judged_until_at:
            return  # a late one: what is true now is known better
        made = advance(host.live, host.recent, judged, alerting.policy)
        settle(host.live, host.recent, made)
        host.judged_until_at = slot_at
        alerts = {(alert.key, alert.first_bad_slot_at): alert for alert in made.alerts}
        for transition in made.transitions:
            yield transition, alerts[transition.key, transition.first_bad_slot_at]

    def _decide(self, subject: NoteSubject, audience: Audience) -> list[Decision]:
        transition = subject.transition
        heard = self._heard(transition)
        found = notifications_of(
            transition,
            audience,
            inhibited_by=inhibitor(transition.key, self._host(transition.key.host).live.values()),
            told={
                channel: at if at is not None and at > audience.at else None
                for channel, at in {**self._heard_of_flapping(transition), **heard}.items()
            },
        )
        if audience.at - transition.slot_at > OLD_NEWS:
            found = [as_old_news(one, audience.at) for one in found]
        self._decided.add(transition.event_id)
        heard |= {one.channel: one.not_before_at for one in found if one.suppressed_by is None}
        return [Decision(notification=one, subject=subject) for one in found]

    def _hold_until(
        self, group: str, alerting: Alerting, hosts: int, now: datetime
    ) -> datetime | None:
        lately_at = now - timedelta(seconds=alerting.interval_s)
        alerts = sum(
            alert.opened_at is None or alert.opened_at >= lately_at
            for name, host in self._hosts.items()
            if host.live and alerting.group_of.get(name, "") == group
            for alert in host.live.values()
        )
        hold = hold_of(alerts, hosts, alerting.interval_s)
        return None if hold is None else now + hold

    def _heard(self, transition: Transition) -> dict[str, datetime | None]:
        return self._told.setdefault((transition.key, transition.first_bad_slot_at), {})

    def _heard_of_flapping(self, transition: Transition) -> Mapping[str, datetime | None]:
        """Those who were told that what it is about had begun to flap, with an alert before it."""
        last = self._host(transition.key.host).recent.get(transition.key)
        if last is None or last.first_bad_slot_at == transition.first_bad_slot_at:
            return {}
        if last.flapping_since_at is None:
            return {}
        return self._told.get((last.key, last.first_bad_slot_at), {})

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host())


def hosts_by_group(names: Collection[str], alerting: Alerting) -> dict[str, int]:
    """How many of these hosts there are in each group, "" for those of none."""
    counts: dict[str, int] = {}
    for name in names:
        group = alerting.group_of.get(name, "")
        counts[group] = counts.get(group, 0) + 1
    return counts
