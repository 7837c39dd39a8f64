"""Guessing is slow, and what a guesser does to others passes within seconds."""

import pytest

from ntp_checker.web.guesses import (
    ALL_GUESSES,
    ALL_PAUSE_S,
    MAX_NAMES,
    NAME_GUESSES,
    NAME_PAUSE_S,
    GuessLimit,
)
from tests.users import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> GuessLimit:
    return GuessLimit(now_s=clock)


def guess(limit: GuessLimit, name: str, times: int) -> None:
    for _ in range(times):
        limit.note_wrong(name)


@pytest.mark.parametrize(
    ("guesses", "wait_s"), [(NAME_GUESSES - 1, 0.0), (NAME_GUESSES, NAME_PAUSE_S)]
)
def test_name_when_guessed_at_so_often_then_it_waits(
    limit: GuessLimit, guesses: int, wait_s: float
) -> None:
    guess(limit, "ada", guesses)

    assert limit.wait_s("ada") == pytest.approx(wait_s)


def test_name_when_its_pause_is_over_then_one_more_guess(limit: GuessLimit, clock: Clock) -> None:
    guess(limit, "ada", NAME_GUESSES)
    clock.now_s += NAME_PAUSE_S

    assert limit.wait_s("ada") == 0
    guess(limit, "ada", 1)
    assert limit.wait_s("ada") == pytest.approx(NAME_PAUSE_S)


def test_name_when_guessed_at_without_end_then_its_wait_is_never_longer(
    limit: GuessLimit,
) -> None:
    guess(limit, "ada", 10_000)

    assert limit.wait_s("ada") == pytest.approx(NAME_PAUSE_S)


def test_other_name_when_one_is_guessed_at_then_free(limit: GuessLimit) -> None:
    guess(limit, "ada", NAME_GUESSES)

    assert limit.wait_s("bob") == 0


def test_other_name_when_all_are_guessed_at_then_it_waits_no_longer_than_the_common_pause(
    limit: GuessLimit,
) -> None:
    for number in range(10 * ALL_GUESSES):
        limit.note_wrong(f"name{number}")

    assert 0 < limit.wait_s("ada") <= ALL_PAUSE_S


def test_names_when_made_up_without_end_then_memory_is_bounded(limit: GuessLimit) -> None:
    for number in range(3 * MAX_NAMES):
        limit.note_wrong(f"name{number}")

    assert len(limit._by_name) == MAX_NAMES


def test_name_when_it_is_crowded_out_by_made_up_ones_then_it_was_forgiven_long_before() -> None:
    assert MAX_NAMES * ALL_PAUSE_S > 2 * NAME_GUESSES * NAME_PAUSE_S


def test_names_when_longer_than_a_users_then_they_count_as_one(limit: GuessLimit) -> None:
    for number in range(NAME_GUESSES):
        limit.note_wrong("x" * 64 + str(number))

    assert limit.wait_s("x" * 64) > 0
