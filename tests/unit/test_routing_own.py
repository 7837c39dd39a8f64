"""Who is told of what is wrong with the checker itself."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ntp_checker.model import (
    CHECKER,
    AlertKey,
    ProblemCode,
    Route,
    Severity,
    Transition,
    TransitionKind,
)
from ntp_checker.routing import Audience, notifications_of

AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TEAM = frozenset({"dc1"})


def channels_of(code: ProblemCode, subject: str, *routes: Route) -> list[str]:
    transition = Transition(
        event_id=UUID(int=1),
        key=AlertKey(host=CHECKER, code=code, subject=subject),
        kind=TransitionKind.OPENED,
        ordinal=1,
        first_bad_slot_at=AT,
        slot_at=AT,
        severity=Severity.CRITICAL,
        reason="it is not well",
    )
    audience = Audience(routes=routes, silences=(), group=None, at=AT)
    return [found.channel for found in notifications_of(transition, audience, told={})]


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route(channels=("hook", "mail")), ["mail"]),
        (Route(channels=("hook",), fallback=("hook", "mail", "pager")), ["mail"]),
        (Route(channels=("mail",), fallback=("pager",)), ["mail"]),
        (Route(channels=("hook",)), []),
    ],
)
def test_dead_channel_when_told_of_then_by_others_or_by_the_first_that_stands_in(
    route: Route, told: list[str]
) -> None:
    assert channels_of(ProblemCode.CHANNEL_DEAD, "hook", route) == told


def test_checker_when_every_route_names_groups_then_all_of_them_are_told() -> None:
    routes = (Route(channels=("mail",), groups=TEAM), Route(channels=("pager",), groups=TEAM))

    assert channels_of(ProblemCode.SPOOL_BACKLOG, "checker-1", *routes) == ["mail", "pager"]


def test_checker_when_one_route_names_no_group_then_that_one_is_told() -> None:
    routes = (Route(channels=("mail",)), Route(channels=("pager",), groups=TEAM))

    assert channels_of(ProblemCode.SPOOL_BACKLOG, "checker-1", *routes) == ["mail"]


def test_checker_when_routes_name_other_codes_then_nobody_is_told() -> None:
    route = Route(channels=("mail",), codes=frozenset({ProblemCode.OFFSET_HIGH}), groups=TEAM)

    assert channels_of(ProblemCode.SPOOL_BACKLOG, "checker-1", route) == []
