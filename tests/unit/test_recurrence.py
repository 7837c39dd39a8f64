"""Maintenance that comes again: by the wall clock of its zone, each as long as the first."""

from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.recurrence import check_rule, is_over, occurrence_of

#: Sundays at 02:00 in Zurich; the first one in winter.
FIRST = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
END = FIRST + timedelta(hours=2)
RULE = "FREQ=WEEKLY;BYDAY=SU;COUNT=10"
ZONE = "Europe/Zurich"


@pytest.mark.parametrize(
    ("at", "begins"),
    [
        (FIRST - timedelta(seconds=1), None),
        (FIRST, FIRST),
        (END - timedelta(seconds=1), FIRST),
        (END, None),
        (FIRST + timedelta(days=7, hours=1), FIRST + timedelta(days=7)),
        (FIRST + timedelta(days=6), None),
        # In summer two o'clock there is an hour earlier.
        (datetime(2026, 4, 5, 0, 0, tzinfo=UTC), datetime(2026, 4, 5, 0, 0, tzinfo=UTC)),
        (datetime(2026, 4, 4, 23, 59, tzinfo=UTC), None),
        # The tenth is the last.
        (datetime(2026, 5, 3, 0, 30, tzinfo=UTC), datetime(2026, 5, 3, 0, 0, tzinfo=UTC)),
        (datetime(2026, 5, 10, 0, 30, tzinfo=UTC), None),
    ],
)
def test_rule_when_asked_for_a_moment_then_the_occurrence_around_it(
    at: datetime, begins: datetime | None
) -> None:
    expected = None if begins is None else (begins, begins + timedelta(hours=2))

    assert occurrence_of(RULE, ZONE, FIRST, END, at) == expected


def test_rule_when_longer_than_its_step_then_still_found() -> None:
    at = FIRST + timedelta(days=2)

    found = occurrence_of("FREQ=DAILY;COUNT=1", ZONE, FIRST, FIRST + timedelta(days=3), at)

    assert found == (FIRST, FIRST + timedelta(days=3))


@pytest.mark.parametrize(
    ("rule", "zone", "told"),
    [
        ("FREQ=SECONDLY;COUNT=3", ZONE, "the rule recurs"),
        ("FREQ=WEEKLY", ZONE, "needs an end"),
        ("FREQ=WEEKLY;COUNT=x", ZONE, "invalid"),
        ("weekly", ZONE, "the rule recurs"),
        (RULE, "Mars/Base", "no time zone"),
        (RULE, "../x", "ZoneInfo keys"),
    ],
)
def test_rule_when_it_can_not_be_used_then_refused(rule: str, zone: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_rule(rule, zone, FIRST)


def test_rule_when_good_then_not_refused() -> None:
    check_rule(RULE, ZONE, FIRST)


@pytest.mark.parametrize(
    ("at", "over"),
    [
        (FIRST - timedelta(days=9), False),
        (datetime(2026, 5, 3, 1, 0, tzinfo=UTC), False),  # within the last one
        (datetime(2026, 5, 3, 5, 0, tzinfo=UTC), True),
    ],
)
def test_rule_when_its_last_occurrence_has_ended_then_over(at: datetime, over: bool) -> None:
    assert is_over(RULE, ZONE, FIRST, END, at) is over
