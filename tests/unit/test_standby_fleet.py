"""Alerts carried on without the database: who is to hear, and of what."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ntp_checker.audiences import Alerting
from ntp_checker.heard import Told
from ntp_checker.known_alerts import Known, KnownAlert, KnownHost
from ntp_checker.model import (
    Acknowledgement,
    HasGps,
    Host,
    JudgedSample,
    ProblemCode,
    Route,
    Severity,
    Silence,
    TransitionKind,
)
from ntp_checker.notes import Decision
from ntp_checker.routing import STORM_KEY
from ntp_checker.standby.fleet import Fleet
from tests.made_alerts import (
    CRITICAL_S,
    GOOD_S,
    INTERVAL,
    OFFSET,
    WatchedHost,
    judged,
    offset,
    state,
)
from tests.made_samples import NOW, SAMPLE

MAIL = Alerting(routes=(Route(channels=("mail",)),), interval_s=30.0)
NOTHING = Known(hosts={}, silences=())
EVERYTHING = Silence(
    silence_id=1,
    starts_at=NOW - timedelta(days=1),
    ends_at=NOW + timedelta(days=1),
    reason="works",
    created_by="ana",
)


def slot(number: int) -> datetime:
    return NOW + number * INTERVAL


def looks(*sizes_s: float, host: str = "ntp1", first: int = 1) -> list[JudgedSample]:
    return [
        judged(slot(number), offset(size_s), sample=replace(SAMPLE, host=host))
        for number, size_s in enumerate(sizes_s, first)
    ]


def advance(
    fleet: Fleet,
    samples: Sequence[JudgedSample],
    *,
    silences: Sequence[Silence] = (),
    now: datetime | None = None,
) -> list[Decision]:
    newest = max(one.sample.slot_at for one in samples)
    return fleet.advance(samples, MAIL, silences=silences, hosts={"": 100}, now=now or newest)


def told(decisions: Sequence[Decision]) -> list[tuple[TransitionKind, str | None]]:
    return [(one.subject.transition.kind, one.notification.suppressed_by) for one in decisions]


def known(host: WatchedHost, **heard: Told) -> Known:
    """As the database has it after these looks."""
    alerts = (*host.live.values(), *host.recent.values())
    return Known(
        hosts={
            "ntp1": KnownHost(
                judged_until_at=host.at,
                alerts=tuple(KnownAlert(alert=one, told=heard) for one in alerts),
            )
        },
        silences=(),
    )


def test_alert_when_it_opens_then_the_same_event_as_in_the_database() -> None:
    in_database = WatchedHost().opened(CRITICAL_S)

    decisions = advance(Fleet(NOTHING, {}, []), looks(CRITICAL_S, CRITICAL_S, CRITICAL_S))

    assert [one.subject.transition for one in decisions] == in_database.transitions


def test_pending_alert_of_before_when_bad_once_more_then_opens() -> None:
    before = WatchedHost().offsets(CRITICAL_S, CRITICAL_S)

    decisions = advance(Fleet(known(before), {}, []), looks(CRITICAL_S, first=3))

    assert told(decisions) == [(TransitionKind.OPENED, None)]


def test_end_when_told_then_to_those_who_heard_of_the_beginning() -> None:
    before = known(WatchedHost().opened(CRITICAL_S), pager=Told())

    decisions = advance(Fleet(before, {}, []), looks(GOOD_S, GOOD_S, first=4))

    assert [one.notification.channel for one in decisions] == ["pager"]


def test_end_when_nobody_heard_of_the_beginning_then_nobody_hears_of_it() -> None:
    fleet = Fleet(NOTHING, {}, [])
    samples = looks(CRITICAL_S, CRITICAL_S, CRITICAL_S, GOOD_S, GOOD_S)

    decisions = advance(fleet, samples, silences=[EVERYTHING])

    assert told(decisions) == [(TransitionKind.OPENED, "silence 1 of ana: works")]


def test_silenced_alert_when_four_hours_old_then_nobody_is_reminded() -> None:
    fleet = Fleet(NOTHING, {}, [])
    advance(fleet, looks(CRITICAL_S, CRITICAL_S, CRITICAL_S), silences=[EVERYTHING])

    decisions = advance(fleet, looks(CRITICAL_S, first=500))

    assert decisions == []


def test_acknowledged_alert_when_four_hours_old_then_nobody_is_reminded() -> None:
    host = WatchedHost().opened(CRITICAL_S)
    host.live[OFFSET] = replace(host.alert, acknowledgement=Acknowledgement(by="ana", at=host.at))

    decisions = advance(Fleet(known(host), {}, []), looks(CRITICAL_S, first=500))

    assert decisions == []


def test_slot_when_the_database_had_it_then_it_counts_once() -> None:
    before = WatchedHost().offsets(CRITICAL_S, CRITICAL_S)

    decisions = advance(Fleet(known(before), {}, []), looks(CRITICAL_S, first=2))

    assert decisions == []


def test_host_that_was_healthy_when_a_late_slot_comes_then_not_judged() -> None:
    fleet = Fleet(NOTHING, {"ntp1": slot(3)}, [])

    decisions = advance(fleet, looks(CRITICAL_S, CRITICAL_S, CRITICAL_S))

    assert decisions == []


def test_chronys_alert_when_its_host_is_not_seen_then_explained() -> None:
    unseen = state(ProblemCode.HOST_UNREACHABLE, Severity.CRITICAL)
    samples = [judged(slot(n), unseen, offset(CRITICAL_S)) for n in range(1, 4)]

    decisions = advance(Fleet(NOTHING, {}, []), samples)

    assert set(told(decisions)) == {
        (TransitionKind.OPENED, None),
        (TransitionKind.OPENED, "explained by host_unreachable"),
    }


def test_gps_alert_when_the_settings_switched_it_off_then_it_ends_for_those_who_heard() -> None:
    host = WatchedHost()
    for _ in range(3):
        host.look(state(ProblemCode.GPS_UNAVAILABLE, Severity.WARNING))
    fleet = Fleet(known(host, mail=Told()), {}, [])
    without_gps = Host(name="ntp1", address="ntp1", has_gps=HasGps.NO)
    alerting = replace(MAIL, host_settings={"ntp1": without_gps})

    still_open = advance(fleet, [judged(slot(4))])
    decisions = fleet.advance(
        [judged(slot(5))], alerting, silences=(), hosts={"": 100}, now=slot(5)
    )

    assert still_open == []
    assert [one.subject.transition.reason for one in decisions] == [
        "no longer watched: by its settings the host has no GPS"
    ]


def test_alerts_when_many_come_together_then_they_wait_for_each_other() -> None:
    samples = [
        look
        for number in range(5)
        for look in looks(CRITICAL_S, CRITICAL_S, CRITICAL_S, host=f"h{number}")
    ]

    decisions = advance(Fleet(NOTHING, {}, []), samples)

    moments = {(one.notification.group_key, one.notification.not_before_at) for one in decisions}
    assert len(decisions) == 5
    assert moments == {(STORM_KEY, slot(3) + timedelta(seconds=32))}
