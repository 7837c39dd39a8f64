"""Maintenance that comes again: by the wall clock of its zone, each as long as the first."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ("FREQ=MINUTELY;COUNT=3", ZONE, "the rule recurs"),
        ("FREQ=HOURLY;COUNT=3", ZONE, "the rule recurs"),
        ("FREQ=WEEKLY;UNTIL=tomorrow", ZONE, "invalid UNTIL"),
        ("FREQ=WEEKLY;UNTIL=20271231T000000+0100", ZONE, "invalid UNTIL"),
        ("FREQ=WEEKLY;UNTIL=20271231T000000;COUNT=3", ZONE, "contradict each other"),
        # It would be looked for to the end of the calendar.
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=3", ZONE, "never comes to pass"),
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


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rule", "zone", "starts_at", "last_at"),
    [
        # By UTC the fourth of these days has begun when the rule ends, by the wall clock it has not.
        ("FREQ=DAILY;UNTIL=20260104T160000Z", "Asia/Tokyo", 16, 4),
        ("FREQ=DAILY;UNTIL=20260104T155959Z", "Asia/Tokyo", 16, 3),
        ("FREQ=DAILY;UNTIL=20260104T010000", "Asia/Tokyo", 16, 3),
        ("FREQ=DAILY;UNTIL=20260105T010000", "Asia/Tokyo", 16, 4),
        ("FREQ=DAILY;UNTIL=20260104T160000Z", "America/New_York", 16, 4),
        ("FREQ=DAILY;UNTIL=20260104T155959Z", "America/New_York", 16, 3),
        ("RRULE:freq=daily;until=20260104t160000z", "UTC", 16, 4),
    ],
)
def test_rule_when_its_end_is_in_utc_then_read_so(
    rule: str, zone: str, starts_at: int, last_at: int
) -> None:
    first = datetime(2026, 1, 1, starts_at, tzinfo=UTC)
    days = [
        number
        for number in range(9)
        if occurrence_of(rule, zone, first, first + DAY / 24, first + number * DAY)
    ]

    assert days[-1] + 1 == last_at


@pytest.mark.parametrize("freq", ["DAILY", "WEEKLY"])
def test_window_when_the_clocks_change_then_it_keeps_its_wall_time(freq: str) -> None:
    local = ZoneInfo(ZONE)
    first = datetime(2026, 3, 22, 22, 0, tzinfo=local)  # a week before summer time
    begun = first.astimezone(UTC) - DAY
    walls = set()
    while begun < datetime(2026, 11, 9, tzinfo=UTC):
        found = next_occurrence(
            f"FREQ={freq};UNTIL=20261108T220000", ZONE, first, first + DAY / 12, begun
        )
        if found is None:
            break
        begun = found[0]
        walls.add((begun.astimezone(local).time(), begun.hour, found[1] - found[0]))
        assert (
            occurrence_of(
                f"FREQ={freq};UNTIL=20261108T220000", ZONE, first, first + DAY / 12, begun
            )
            == found
        )

    assert {wall for wall, _, _ in walls} == {time(22, 0)}
    assert {hour for _, hour, _ in walls} == {20, 21}
    assert {length for _, _, length in walls} == {DAY / 12}


RULES = st.one_of(
    st.builds("FREQ=DAILY;INTERVAL={};{}".format, st.integers(1, 40), st.just("")),
    st.builds("FREQ=DAILY;INTERVAL={};BYDAY={};".format, st.integers(1, 6), st.just("MO,SA")),
    st.builds("FREQ=WEEKLY;INTERVAL={};{}".format, st.integers(1, 9), st.sampled_from(
        ["", "BYDAY=TU,SU;", "BYDAY=MO,SU;WKST=SU;", "WKST=WE;"])),
    st.builds("FREQ=MONTHLY;INTERVAL={};{}".format, st.integers(1, 14), st.sampled_from(
        ["", "BYDAY=1SU;", "BYDAY=-1FR;", "BYMONTHDAY=31;", "BYMONTHDAY=-1;",
         "BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;"])),
    st.builds("FREQ=YEARLY;INTERVAL={};{}".format, st.integers(1, 5), st.sampled_from(
        ["", "BYMONTH=2;BYMONTHDAY=29;", "BYMONTH=3,10;", "BYMONTHDAY=13;", "BYDAY=20MO;",
         "BYMONTH=5;BYDAY=-1SU;"])),
)  # fmt: skip
ENDS = st.one_of(
    st.builds("COUNT={}".format, st.integers(1, 60)),
    st.builds("UNTIL=20{}0601T000000".format, st.integers(27, 60)),
)


@given(
    rule=st.builds("{}{}".format, RULES, ENDS),
    starts=st.datetimes(datetime(1999, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001  -- a wall clock
    hours=st.integers(1, 7 * 24),
    later=st.floats(-10, 20_000),
)
@settings(max_examples=300, deadline=None)
def test_rule_when_asked_long_after_its_start_then_as_if_counted_through(
    rule: str, starts: datetime, hours: int, later: float
) -> None:
    starts = starts.replace(microsecond=0)
    starts_at, length = starts.replace(tzinfo=UTC), timedelta(hours=hours)
    at = starts_at + timedelta(days=later)
    counted = [one.replace(tzinfo=UTC) for one in rrulestr(rule, dtstart=starts)]
    around = [one for one in counted if one <= at < one + length]
    coming = [one for one in counted if one > at]
    given = (rule, "UTC", starts_at, starts_at + length, at)

    assert occurrence_of(*given) == ((around[-1], around[-1] + length) if around else None)
    assert next_occurrence(*given) == ((coming[0], coming[0] + length) if coming else None)
    assert is_over(*given) is all(one + length <= at for one in counted)


@pytest.mark.parametrize("year", [202, 1970, 2025])
def test_rules_when_a_hundred_are_asked_at_each_round_then_no_loop_waits_for_them(
    year: int,
) -> None:
    now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    rules = ("FREQ=DAILY;UNTIL=20301231T000000", "FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20301231T000000Z",
             "FREQ=MONTHLY;BYDAY=1SU;UNTIL=20301231T000000", "FREQ=DAILY;COUNT=1000")  # fmt: skip
    starts = [datetime(year, 1, 2, 1, tzinfo=UTC) + number * DAY for number in range(100)]
    first_s = _seconds(rules, starts, now)
    then_s = min(
        _seconds(rules, starts, now + number * timedelta(seconds=10)) for number in range(9)
    )

    # From the year 202 on one daily rule alone took 2.3 s, at each round.
    assert first_s < 2.0
    assert then_s < 0.005


def _seconds(rules: Sequence[str], starts: Sequence[datetime], at: datetime) -> float:
    begun_s = perf_counter()
    for number, begin in enumerate(starts):
        occurrence_of(rules[number % len(rules)], ZONE, begin, begin + DAY, at)
    return perf_counter() - begun_s
