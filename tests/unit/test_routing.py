"""Who is told of what, when, and what keeps it from them."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from ntp_checker.heard import Told
from ntp_checker.model import (
    Alert,
    AlertKey,
    AlertState,
    Hours,
    ProblemCode,
    Route,
    Severity,
    Silence,
    Transition,
    TransitionKind,
)
from ntp_checker.routing import (
    STORM_KEY,
    Audience,
    Hold,
    inhibitor,
    is_storm,
    next_open,
    notifications_of,
    storm_hold,
)

AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
ZURICH = ZoneInfo("Europe/Zurich")
WORKDAYS = Hours(weekdays=frozenset(range(5)), begins=time(8), ends=time(18), zone=ZURICH)
NIGHTS = Hours(weekdays=frozenset(range(7)), begins=time(22), ends=time(6), zone=ZURICH)
KEY = AlertKey(host="gps1", code=ProblemCode.OFFSET_HIGH)
MAIL = Route(channels=("mail",))


def transition(
    kind: TransitionKind = TransitionKind.OPENED,
    severity: Severity = Severity.WARNING,
    key: AlertKey = KEY,
) -> Transition:
    return Transition(
        event_id=UUID(int=1),
        key=key,
        kind=kind,
        ordinal=1,
        first_bad_slot_at=AT,
        slot_at=AT,
        severity=severity,
        reason="clock is 20 ms ahead, limit 10 ms",
    )


def audience(*routes: Route, at: datetime = AT, silences: tuple[Silence, ...] = ()) -> Audience:
    return Audience(routes=routes, silences=silences, group="dc1", at=at)


def channels_of(one: Transition, *routes: Route) -> list[str]:
    return [found.channel for found in notifications_of(one, audience(*routes), told={})]


@pytest.mark.parametrize(
    ("route", "is_told"),
    [
        (MAIL, True),
        (replace(MAIL, groups=frozenset({"dc1"})), True),
        (replace(MAIL, groups=frozenset({"dc2"})), False),
        (replace(MAIL, severities=frozenset({Severity.WARNING})), True),
        (replace(MAIL, severities=frozenset({Severity.CRITICAL})), False),
        (replace(MAIL, codes=frozenset({ProblemCode.OFFSET_HIGH})), True),
        (replace(MAIL, codes=frozenset({ProblemCode.GPS_NO_FIX})), False),
    ],
)
def test_route_when_all_it_names_matches_then_its_channel_is_told(
    route: Route, is_told: bool
) -> None:
    assert channels_of(transition(), route) == (["mail"] if is_told else [])


def test_channel_when_two_routes_name_it_then_it_is_told_once() -> None:
    assert channels_of(transition(), MAIL, Route(channels=("chat", "mail"))) == ["chat", "mail"]


def test_channel_when_one_route_of_two_defers_then_it_is_told_at_once() -> None:
    night = AT.replace(hour=1)

    for routes in ((MAIL, replace(MAIL, hours=WORKDAYS)), (replace(MAIL, hours=WORKDAYS), MAIL)):
        [found] = notifications_of(transition(), audience(*routes, at=night), told={})
        assert found.not_before_at is None


@pytest.mark.parametrize("kind", [TransitionKind.ACKNOWLEDGED])
def test_transition_when_it_is_for_the_record_only_then_nobody_is_told(
    kind: TransitionKind,
) -> None:
    assert channels_of(transition(kind), MAIL) == []


def test_transition_when_quiet_then_nobody_is_told() -> None:
    assert channels_of(replace(transition(), is_quiet=True), MAIL) == []


@pytest.mark.parametrize(
    ("severity", "hour", "not_before"),
    [
        (Severity.WARNING, 12, None),
        (Severity.WARNING, 3, datetime(2026, 3, 4, 7, tzinfo=UTC)),
        (Severity.CRITICAL, 3, None),
    ],
)
def test_hours_when_over_then_what_is_not_critical_waits(
    severity: Severity, hour: int, not_before: datetime | None
) -> None:
    route = replace(MAIL, hours=WORKDAYS)
    [found] = notifications_of(
        transition(severity=severity), audience(route, at=AT.replace(hour=hour)), told={}
    )

    assert found.not_before_at == not_before


@pytest.mark.parametrize(
    ("hours", "at", "opens"),
    [
        (
            WORKDAYS,
            datetime(2026, 3, 4, 6, 59, 59, tzinfo=UTC),
            datetime(2026, 3, 4, 7, tzinfo=UTC),
        ),
        (WORKDAYS, datetime(2026, 3, 4, 7, tzinfo=UTC), None),
        (WORKDAYS, datetime(2026, 3, 4, 16, 59, 59, tzinfo=UTC), None),
        (WORKDAYS, datetime(2026, 3, 4, 17, tzinfo=UTC), datetime(2026, 3, 5, 7, tzinfo=UTC)),
        (WORKDAYS, datetime(2026, 3, 6, 20, tzinfo=UTC), datetime(2026, 3, 9, 7, tzinfo=UTC)),
        # On 29 March 2026 the clocks there go on by an hour.
        (WORKDAYS, datetime(2026, 3, 27, 20, tzinfo=UTC), datetime(2026, 3, 30, 6, tzinfo=UTC)),
        (NIGHTS, datetime(2026, 3, 4, 3, tzinfo=UTC), None),
        (NIGHTS, datetime(2026, 3, 4, 5, tzinfo=UTC), datetime(2026, 3, 4, 21, tzinfo=UTC)),
        (NIGHTS, datetime(2026, 3, 4, 22, tzinfo=UTC), None),
    ],
)
def test_hours_when_asked_for_their_next_opening_then_by_their_own_zone(
    hours: Hours, at: datetime, opens: datetime | None
) -> None:
    assert next_open(hours, at) == opens


@pytest.mark.parametrize("kind", [TransitionKind.EASED, TransitionKind.RESOLVED])
def test_ending_when_sent_then_to_those_who_were_told_and_not_before_that(
    kind: TransitionKind,
) -> None:
    later = AT + timedelta(hours=7)
    route = replace(MAIL, severities=frozenset({Severity.CRITICAL}))
    told = {"mail": Told(), "chat": Told(until_at=later, group_key="group dc1")}

    chat, mail = notifications_of(transition(kind), audience(route), told=told)

    assert (chat.channel, chat.not_before_at, chat.group_key) == ("chat", later, "group dc1")
    assert (mail.channel, mail.not_before_at) == ("mail", None)


def silence(**matching: object) -> Silence:
    plain = Silence(
        silence_id=7,
        starts_at=AT - timedelta(hours=1),
        ends_at=AT + timedelta(hours=1),
        reason="new antenna",
        created_by="ada",
    )
    return replace(plain, **matching)  # type: ignore[arg-type]  # of a Silence, by the callers


@pytest.mark.parametrize(
    ("matching", "is_silent"),
    [
        ({}, True),
        ({"host": "gps1"}, True),
        ({"host": "gps2"}, False),
        ({"group": "dc1", "code": ProblemCode.OFFSET_HIGH}, True),
        ({"group": "dc2", "code": ProblemCode.OFFSET_HIGH}, False),
        ({"code": ProblemCode.GPS_NO_FIX}, False),
        ({"subject": "192.0.2.1"}, False),
        ({"starts_at": AT}, True),
        ({"starts_at": AT + timedelta(microseconds=1)}, False),
        ({"ends_at": AT}, False),
        ({"ends_at": AT + timedelta(microseconds=1)}, True),
    ],
)
def test_silence_when_it_matches_then_the_notification_says_by_what(
    matching: dict[str, object], is_silent: bool
) -> None:
    [found] = notifications_of(
        transition(), audience(MAIL, silences=(silence(**matching),)), told={}
    )

    assert found.suppressed_by == ("silence 7 of ada: new antenna" if is_silent else None)


def alert(code: ProblemCode, state: AlertState = AlertState.OPEN) -> Alert:
    return Alert(
        key=AlertKey(host="gps1", code=code),
        state=state,
        severity=Severity.CRITICAL,
        first_bad_slot_at=AT,
        last_slot_at=AT,
    )


@pytest.mark.parametrize(
    ("code", "there", "by"),
    [
        (ProblemCode.OFFSET_HIGH, ProblemCode.CHRONYD_DOWN, "explained by chronyd_down"),
        (ProblemCode.OFFSET_HIGH, ProblemCode.HOST_UNREACHABLE, "explained by host_unreachable"),
        (ProblemCode.CHRONYD_DOWN, ProblemCode.HOST_UNREACHABLE, "explained by host_unreachable"),
        (ProblemCode.HOST_UNREACHABLE, ProblemCode.CHRONYD_DOWN, None),
        (ProblemCode.HOST_KEY_CHANGED, ProblemCode.HOST_UNREACHABLE, None),
        (ProblemCode.GPS_NO_FIX, ProblemCode.GPS_UNAVAILABLE, "explained by gps_unavailable"),
        (ProblemCode.GPS_NO_FIX, ProblemCode.CHRONYD_DOWN, None),
        (ProblemCode.OFFSET_HIGH, ProblemCode.GPS_UNAVAILABLE, None),
        (ProblemCode.OFFSET_HIGH, ProblemCode.OFFSET_HIGH, None),
    ],
)
def test_alert_when_another_of_its_host_explains_it_then_named(
    code: ProblemCode, there: ProblemCode, by: str | None
) -> None:
    key = AlertKey(host="gps1", code=code)

    assert inhibitor(key, [alert(there)]) == by
    assert inhibitor(key, [alert(there, AlertState.CLOSED)]) is None


@pytest.mark.parametrize(
    ("alerts", "hosts", "wait"),
    [(4, 10, False), (5, 10, True), (24, 500, False), (25, 500, True), (1, 1, False)],
)
def test_messages_when_many_alerts_come_together_then_wait_for_each_other(
    alerts: int, hosts: int, *, wait: bool
) -> None:
    assert is_storm(alerts, hosts) == wait


@pytest.mark.parametrize(("interval_s", "hold_s"), [(10.0, 12.0), (30.0, 32.0), (300.0, 32.0)])
def test_messages_when_they_wait_then_an_interval_and_a_moment_and_half_a_minute_at_most(
    interval_s: float, hold_s: float
) -> None:
    assert storm_hold(interval_s) == timedelta(seconds=hold_s)


def test_message_when_alone_then_shared_by_its_alerts_transitions_only() -> None:
    other = replace(transition(), key=replace(KEY, subject="192.0.2.1"))
    opened, resolved, others = (
        notifications_of(one, audience(MAIL), told={"mail": Told()})[0].group_key
        for one in (transition(), transition(TransitionKind.RESOLVED), other)
    )

    assert opened == resolved
    assert opened != others


def test_message_when_it_waits_for_hours_then_shared_by_the_group() -> None:
    deferred = audience(replace(MAIL, hours=WORKDAYS), at=AT.replace(hour=1))

    [found] = notifications_of(transition(), deferred, told={})

    assert found.group_key == "group dc1"
    assert found.not_before_at is not None


def test_message_when_in_a_storm_then_shared_by_all_groups_until_its_end() -> None:
    end_at = AT + timedelta(seconds=12)

    [found] = notifications_of(transition(), replace(audience(MAIL), hold_until_at=end_at), told={})

    assert (found.group_key, found.not_before_at) == (STORM_KEY, end_at)


@pytest.mark.parametrize(
    ("code", "is_held"),
    [
        (ProblemCode.HOST_UNREACHABLE, True),
        (ProblemCode.LOGIN_REFUSED, True),
        (ProblemCode.PROBE_FAILED, True),
        (ProblemCode.GPS_SILENT, True),
        (ProblemCode.HOST_KEY_CHANGED, False),
        (ProblemCode.OFFSET_HIGH, False),
        (ProblemCode.CHRONYD_DOWN, False),
    ],
)
def test_message_when_the_checker_is_blind_then_what_comes_from_not_seeing_waits(
    code: ProblemCode, *, is_held: bool
) -> None:
    hold = Hold(until_at=AT + timedelta(minutes=14), group_key="unseen by one")
    one = transition(key=AlertKey(host="gps1", code=code))

    [found] = notifications_of(one, replace(audience(MAIL), unseen_hold=hold), told={})

    assert (found.group_key == hold.group_key) == is_held
    assert found.not_before_at == (hold.until_at if is_held else None)
