"""Maintenance that comes again: by the wall clock of its zone, each as long as the first."""

from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.recurrence import check_rule, is_over, next_occurrence, occurrence_of

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
        ("FREQ=WEEKLY;COUNT=0", ZONE, "invalid COUNT"),
        ("FREQ=WEEKLY;COUNT=1001", ZONE, "invalid COUNT"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=2", ZONE, "invalid INTERVAL"),
        ("FREQ=DAILY;BYHOUR=1;COUNT=2", ZONE, "BYHOUR can't be used with FREQ=DAILY"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=2", ZONE, "can't be used with FREQ=DAILY"),
        ("FREQ=WEEKLY;COUNT=2;", ZONE, "an empty part"),
        ("FREQ=DAILY;COUNT=2\nEXDATE:20260101", ZONE, "one line"),
        ("FREQ=DAILY;COUNT=2;BYDAY=" + "MO," * 99, ZONE, "at most 200 characters"),
        ("FREQ=MONTHLY;BYDAY=+9999999999MO;COUNT=1", ZONE, "no calendar has"),
        ("FREQ=MONTHLY;BYDAY=6MO;COUNT=1", ZONE, "never comes to pass"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", ZONE, "never comes to pass"),
        ("FREQ=WEEKLY;UNTIL=20260101T000000", ZONE, "never comes to pass"),
        (RULE, "Mars/Base", "no time zone"),
        (RULE, "../x", "no time zone"),
    ],
)
def test_rule_when_it_can_not_be_used_then_refused(rule: str, zone: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_rule(rule, zone, FIRST)


@pytest.mark.parametrize("rule", [RULE, "RRULE:freq=monthly;byday=1SU;until=20271231T000000Z"])
def test_rule_when_good_then_not_refused(rule: str) -> None:
    check_rule(rule, ZONE, FIRST)


@pytest.mark.parametrize(
    ("after", "begins"),
    [
        (FIRST - timedelta(seconds=1), FIRST),
        (FIRST, FIRST + timedelta(days=7)),
        # Across the change to summer time.
        (datetime(2026, 3, 29, 0, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (datetime(2026, 5, 3, 0, 0, tzinfo=UTC), None),
    ],
)
def test_rule_when_asked_what_comes_then_the_next_one(
    after: datetime, begins: datetime | None
) -> None:
    expected = None if begins is None else (begins, begins + timedelta(hours=2))

    assert next_occurrence(RULE, ZONE, FIRST, END, after) == expected


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
