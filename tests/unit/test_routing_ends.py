"""When the end of an alert is told, by what was told of it before and by the hours."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from ntp_checker.heard import Told, heard_of, overtakes
from ntp_checker.model import (
    AlertKey,
    Hours,
    Notification,
    ProblemCode,
    Route,
    Severity,
    Transition,
    TransitionKind,
)
from ntp_checker.routing import STORM_KEY, Audience, notifications_of

NIGHT_AT = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)
DAY_AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
OPENS_AT = datetime(2026, 3, 4, 7, 0, tzinfo=UTC)
WORKDAYS = Hours(
    weekdays=frozenset(range(5)), begins=time(8), ends=time(18), zone=ZoneInfo("Europe/Zurich")
)
BY_DAY = Route(channels=("mail",), hours=WORKDAYS)
EASED, RESOLVED = TransitionKind.EASED, TransitionKind.RESOLVED
OPENED, WORSENED = TransitionKind.OPENED, TransitionKind.WORSENED
REMINDED = TransitionKind.REMINDED
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def step(
    kind: TransitionKind,
    severity: Severity = WARNING,
    ordinal: int = 1,
    began_at: datetime = DAY_AT,
) -> Transition:
    return Transition(
        event_id=UUID(int=ordinal),
        key=AlertKey(host="gps1", code=ProblemCode.OFFSET_HIGH),
        kind=kind,
        ordinal=ordinal,
        first_bad_slot_at=began_at,
        slot_at=began_at,
        severity=severity,
        reason="clock is 20 ms ahead, limit 10 ms",
    )


def audience(*routes: Route, at: datetime = NIGHT_AT) -> Audience:
    return Audience(routes=routes, silences=(), group="dc1", at=at)


def end(
    told: Told,
    *routes: Route,
    kind: TransitionKind = RESOLVED,
    severity: Severity = WARNING,
    at: datetime = NIGHT_AT,
) -> Notification:
    one = step(kind, severity)
    [found] = notifications_of(one, audience(*routes, at=at), told={"mail": told})
    return found


@pytest.mark.parametrize("kind", [EASED, RESOLVED])
@pytest.mark.parametrize("severity", [WARNING, CRITICAL])
def test_end_of_a_warning_when_out_of_hours_then_waits_for_them_with_its_group(
    kind: TransitionKind, severity: Severity
) -> None:
    found = end(Told(), BY_DAY, kind=kind, severity=severity)

    assert (found.not_before_at, found.group_key) == (OPENS_AT, "group dc1")


@pytest.mark.parametrize("kind", [EASED, RESOLVED])
def test_end_when_something_critical_was_told_there_then_at_once(kind: TransitionKind) -> None:
    assert end(Told(is_critical=True), BY_DAY, kind=kind).not_before_at is None


def test_end_when_what_was_critical_still_waits_then_goes_with_it() -> None:
    later = NIGHT_AT + timedelta(seconds=12)
    told = Told(until_at=later, group_key=STORM_KEY, is_critical=True)
    found = end(told, BY_DAY)

    assert (found.not_before_at, found.group_key) == (later, STORM_KEY)


@pytest.mark.parametrize(
    ("routes", "at", "waits_until_at"),
    [
        ((BY_DAY,), DAY_AT, None),
        ((Route(channels=("mail",)),), NIGHT_AT, None),
        ((BY_DAY, Route(channels=("mail",))), NIGHT_AT, None),
        ((Route(channels=("chat",)), BY_DAY), NIGHT_AT, OPENS_AT),
        ((Route(channels=("chat",), fallback=("mail",), hours=WORKDAYS),), NIGHT_AT, OPENS_AT),
        ((replace(BY_DAY, severities=frozenset({WARNING})),), NIGHT_AT, OPENS_AT),
        ((BY_DAY, Route(channels=("mail",), severities=frozenset({CRITICAL}))), NIGHT_AT, OPENS_AT),
        ((replace(BY_DAY, groups=frozenset({"dc2"})),), NIGHT_AT, None),
        ((Route(channels=("chat",), hours=WORKDAYS),), NIGHT_AT, None),
        ((), NIGHT_AT, None),
    ],
)
def test_end_of_a_warning_when_told_then_by_the_hours_of_its_routes_only(
    routes: tuple[Route, ...], at: datetime, waits_until_at: datetime | None
) -> None:
    assert end(Told(), *routes, severity=CRITICAL, at=at).not_before_at == waits_until_at


def note(until_at: datetime | None = None) -> Notification:
    return Notification(
        event_id=UUID(int=9), channel="mail", group_key="key", not_before_at=until_at
    )


@pytest.mark.parametrize(
    ("before", "severity", "after"),
    [
        (None, WARNING, Told(until_at=OPENS_AT, group_key="key")),
        (Told(), WARNING, Told(until_at=OPENS_AT, group_key="key")),
        (Told(), CRITICAL, Told(until_at=OPENS_AT, group_key="key", is_critical=True)),
        (Told(is_critical=True), WARNING, Told(is_critical=True)),
        (
            Told(is_critical=True),
            CRITICAL,
            Told(until_at=OPENS_AT, group_key="key", is_critical=True),
        ),
    ],
)
def test_heard_when_one_more_is_told_then_what_was_critical_counts(
    before: Told | None, severity: Severity, after: Told
) -> None:
    assert heard_of(before, step(REMINDED, severity), note(OPENS_AT)) == after


@pytest.mark.parametrize(
    ("later", "earlier", "does"),
    [
        (step(RESOLVED, ordinal=3), step(OPENED), True),
        (step(RESOLVED, CRITICAL, 3), step(WORSENED, CRITICAL, 2), True),
        (step(EASED, ordinal=3), step(OPENED), True),
        (step(WORSENED, CRITICAL, 2), step(OPENED), True),
        (step(REMINDED, CRITICAL, 3), step(WORSENED, CRITICAL, 2), False),
        (step(REMINDED, ordinal=2), step(OPENED), False),
        (step(RESOLVED, ordinal=1), step(REMINDED, ordinal=2), False),
        (step(RESOLVED, ordinal=3), step(OPENED, began_at=NIGHT_AT), False),
    ],
)
def test_later_step_when_told_sooner_then_overtakes_what_it_ends_or_is_worse_than(
    later: Transition, earlier: Transition, does: bool
) -> None:
    assert overtakes(later, earlier) is does
