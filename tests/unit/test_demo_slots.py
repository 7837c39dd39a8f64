from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ntp_checker.demo.slots import looks_of, past_slots
from ntp_checker.schedule import Slots

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
PAST = list(past_slots("gps-oslo", 30.0, NOW - timedelta(days=90), NOW))


def gaps(younger_than: timedelta, older_than: timedelta) -> set[timedelta]:
    chosen = [at for at in PAST if older_than < NOW - at <= younger_than]
    return {later - earlier for earlier, later in pairwise(chosen)}


@pytest.mark.parametrize(
    ("younger_than", "older_than", "apart"),
    [
        (timedelta(hours=24), timedelta(0), timedelta(seconds=30)),
        (timedelta(days=14), timedelta(hours=25), timedelta(minutes=5)),
        (timedelta(days=90), timedelta(days=15), timedelta(minutes=30)),
    ],
)
def test_past_slots_are_the_closer_the_younger(
    younger_than: timedelta, older_than: timedelta, apart: timedelta
) -> None:
    assert gaps(younger_than, older_than) == {apart}


def test_past_slots_reach_from_the_first_day_to_now() -> None:
    assert timedelta(0) <= PAST[0] - (NOW - timedelta(days=90)) < timedelta(seconds=30)
    assert timedelta(0) < NOW - PAST[-1] <= timedelta(seconds=30)


def test_past_slots_are_slots_of_the_host() -> None:
    slots = Slots("gps-oslo", 30.0)

    assert all(slots.current(at) == at for at in PAST)


def test_slot_after_the_past_comes_after_the_last() -> None:
    assert Slots("gps-oslo", 30.0).after(NOW - timedelta(microseconds=1)) > PAST[-1]


def test_slots_with_a_long_interval_are_never_closer_than_it() -> None:
    slots = list(past_slots("x", 600.0, NOW - timedelta(days=20), NOW))

    between = {later - earlier for earlier, later in pairwise(slots)}
    assert between == {timedelta(minutes=10), timedelta(minutes=30)}


def test_looks_are_foretold_within_a_few() -> None:
    assert looks_of(30.0, NOW - timedelta(days=90), NOW) == pytest.approx(len(PAST), abs=5)
