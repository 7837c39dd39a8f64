from dataclasses import replace
from random import Random

import pytest

from ntp_checker.demo.clock import MAX_CLOCK_ERROR_PPM, Quartz, SteeredClock
from ntp_checker.demo.source import SourceSpec
from ntp_checker.demo.surroundings import Room, Spell

START_S = 1_800_000_000.0
STEADY_S = START_S + 6 * 3600.0
SOURCE = SourceSpec(address="192.0.2.1", noise_s=20e-6, loss_ratio=0.0)
STILL = Room(daily_c=0.0, control_c=0.0, mean_c=25.0)


def made_clock(
    source: SourceSpec = SOURCE,
    *,
    freq_ppm: float = 5.0,
    room: Room = STILL,
    steps: tuple[Spell, ...] = (),
) -> SteeredClock:
    quartz = Quartz(freq_ppm=freq_ppm, ppm_per_k=0.1)
    return SteeredClock(quartz, room, source, start_s=START_S, steps=steps, rng=Random("test"))


def steady_clock(source: SourceSpec = SOURCE, **more: object) -> SteeredClock:
    clock = made_clock(source, **more)  # type: ignore[arg-type]  # as made_clock takes them
    clock.advance(STEADY_S)
    return clock


def at_update(clock: SteeredClock) -> float:
    """Lives on until just after an update; when that was."""
    before_s = updated_s = clock.belief.updated_s
    at_s = clock.polled_s
    while updated_s == before_s:
        at_s += 1.0
        clock.advance(at_s)
        updated_s = clock.belief.updated_s
    assert updated_s is not None
    return updated_s


def test_root_dispersion_between_two_updates_grows_by_more_than_a_ppm() -> None:
    clock = steady_clock()
    at_s = at_update(clock)

    growth_ppm = (clock.root_dispersion_s(at_s + 50) - clock.root_dispersion_s(at_s)) / 50 * 1e6

    expected_ppm = MAX_CLOCK_ERROR_PPM + clock.skew_ppm() + abs(clock.belief.resid_freq_ppm)
    assert growth_ppm == pytest.approx(expected_ppm)


def test_root_dispersion_at_an_update_falls_back() -> None:
    clock = steady_clock()
    at_s = at_update(clock)
    poll_s = 2.0**clock.poll_log2_s
    highest_s = clock.root_dispersion_s(at_s + poll_s)

    clock.advance(at_s + poll_s)

    assert clock.root_dispersion_s(at_s + poll_s) < highest_s / 2


def test_clock_in_steady_state_is_as_good_as_its_source() -> None:
    clock = steady_clock()

    assert abs(clock.true_offset_s(STEADY_S)) < 5 * SOURCE.noise_s


@pytest.mark.parametrize("freq_ppm", [-20.0, 20.0])
def test_freq_of_a_quartz_is_found_with_its_sign(freq_ppm: float) -> None:
    clock = steady_clock(freq_ppm=freq_ppm)

    assert clock.belief.freq_ppm == pytest.approx(freq_ppm, abs=0.5)


def test_freq_in_a_warmer_room_follows_the_temperature() -> None:
    hot = replace(STILL, spells=(Spell(from_s=START_S + 3600, to_s=STEADY_S + 1, amount=20.0),))
    clock = steady_clock(room=hot)

    assert clock.belief.freq_ppm == pytest.approx(5.0 + 20.0 * 0.1, abs=0.5)


def test_source_that_sees_the_clock_ahead_pushes_it_behind() -> None:
    clock = steady_clock(replace(SOURCE, bias_s=2e-3))

    assert clock.true_offset_s(STEADY_S) == pytest.approx(-2e-3, abs=5 * SOURCE.noise_s)


def test_step_ahead_before_the_next_poll_is_true_but_not_believed() -> None:
    step = Spell(from_s=STEADY_S + 1, to_s=STEADY_S + 1, amount=0.080)
    clock = steady_clock(steps=(step,))

    assert clock.true_offset_s(STEADY_S + 2) == pytest.approx(0.080, abs=1e-3)
    assert abs(clock.system_offset_s(STEADY_S + 2)) < 1e-3


def test_step_ahead_after_the_next_poll_is_believed_and_slewed_away() -> None:
    step = Spell(from_s=STEADY_S + 1, to_s=STEADY_S + 1, amount=0.080)
    clock = steady_clock(steps=(step,))
    at_s = at_update(clock)

    assert clock.system_offset_s(at_s) == pytest.approx(0.080, abs=1e-3)

    clock.advance(at_s + 2 * 3600)

    assert abs(clock.system_offset_s(at_s + 2 * 3600)) < 1e-3
    assert abs(clock.true_offset_s(at_s + 2 * 3600)) < 1e-3


def lost_from(at_s: float, hours: float) -> SourceSpec:
    return replace(SOURCE, away=(Spell(from_s=at_s, to_s=at_s + hours * 3600),))


def test_reach_of_a_lost_source_falls_to_nothing() -> None:
    clock = steady_clock(lost_from(STEADY_S, 10))
    assert clock.reach == 0o377

    clock.advance(STEADY_S + 9 * 2.0**clock.poll_log2_s)

    assert clock.reach == 0


def test_holdover_is_not_seen_by_chronyd_but_bounded_by_its_dispersion() -> None:
    clock = steady_clock(lost_from(STEADY_S, 10))
    later_s = STEADY_S + 9 * 3600
    clock.advance(later_s)

    drifted_s = abs(clock.true_offset_s(later_s))
    assert abs(clock.system_offset_s(later_s)) < 1e-9
    assert drifted_s > 5 * SOURCE.noise_s
    assert drifted_s < clock.root_dispersion_s(later_s)
    assert clock.root_dispersion_s(later_s) > 9 * 3600 * 1e-6


def test_clock_after_holdover_finds_back() -> None:
    clock = steady_clock(lost_from(STEADY_S, 4))
    later_s = STEADY_S + 8 * 3600
    clock.advance(later_s)

    assert clock.reach == 0o377
    assert abs(clock.true_offset_s(later_s)) < 5 * SOURCE.noise_s
    assert clock.root_dispersion_s(later_s) < 2e-3


def test_polls_after_a_long_gap_have_their_own_rhythm_again() -> None:
    clock = steady_clock()

    clock.advance(STEADY_S + 30 * 86_400)

    assert clock.belief.interval_s == 2.0**clock.poll_log2_s
    assert abs(clock.true_offset_s(STEADY_S + 30 * 86_400)) < 5 * SOURCE.noise_s


def test_clock_without_any_answer_is_never_set() -> None:
    clock = steady_clock(lost_from(START_S, 24))

    assert clock.belief.updated_s is None
