"""A quartz that chronyd steers by one source. Pure: time comes in as epoch seconds.

The quartz has a frequency of its own that follows the temperature and walks at random; chronyd
measures it against a source at every poll, estimates offset and frequency, and slews. What chronyd
believes (`Belief`) and what is true (`true_offset_s`) are two things: nobody on the host knows the
second, only the error bound is a promise about it.
"""

import math
from dataclasses import dataclass
from random import Random

from ntp_checker.demo.source import REACH_MASK, SourceSpec
from ntp_checker.demo.surroundings import Room, Spells, is_within, network_load

#: Limit of the kernel clock's error that chronyd assumes: `maxclockerror`, 1 ppm by default.
MAX_CLOCK_ERROR_PPM = 1.0
#: An offset so many standard deviations off is a step of the clock, no noise.
STEP_DEVIATIONS = 12.0
#: Gains of the estimate at every poll: what a regression over some ten samples amounts to.
OFFSET_GAIN = 0.3
FREQ_GAIN = 0.045
#: An average correction is spread over about three polls (`corrtimeratio`): so much of it each.
SLEW_POLLS = 1.0
#: `maxslewrate`, chosen low: large offsets go away over minutes.
MAX_SLEW_PPM = 100.0
#: The poll interval grows by one after so many quiet polls.
POLLS_TO_SLOW_DOWN = 12
#: Far between two looks a stride stands for so many polls, but never for the last ones.
STRIDE_POLLS = 16
SETTLING_POLLS = 16
REFERENCE_C = 25.0
#: The random walk of the frequency is pulled back over this time: a quartz ages, but stays itself.
WANDER_MEMORY_S = 20 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quartz:
    """An oscillator."""

    freq_ppm: float  #: at 25 degrees; positive = fast
    ppm_per_k: float = 0.05  #: by temperature
    wander_ppm: float = 2e-5  #: random walk of the frequency, per root second
    white_s: float = 2e-9  #: random walk of the phase, per root second


@dataclass(slots=True, kw_only=True)
class Belief:
    """What chronyd's tracking is made of."""

    updated_s: float | None = None  #: epoch seconds of the last good poll; None = never set
    last_offset_s: float = 0.0
    mean_square_s2: float = 0.0
    freq_ppm: float = 0.0
    resid_freq_ppm: float = 0.0
    deviation_s: float = 0.0  #: standard deviation of the measurements
    samples: int = 0
    measured_s: float = 0.0  #: newest measurement
    interval_s: float = 0.0  #: between the last two updates
    root_delay_s: float = 1.0
    root_dispersion_s: float = 1.0  #: at the last update


class SteeredClock:
    """One host's clock, its quartz and its chronyd."""

    def __init__(
        self,
        quartz: Quartz,
        room: Room,
        source: SourceSpec,
        *,
        start_s: float,
        steps: Spells = (),
        rng: Random,
    ) -> None:
        self.source = source
        self.belief = Belief(freq_ppm=quartz.freq_ppm, deviation_s=source.noise_s)
        self.reach = 0
        self.poll_log2_s = source.poll_min_log2_s
        self._quartz = quartz
        self._room = room
        self._rng = rng
        self._steps = sorted(steps, key=lambda step: step.from_s)
        self._polled_s = start_s
        self._true_s = 10 * source.noise_s * rng.gauss(0.0, 1.0)
        self._left_s = 0.0  #: chronyd's estimate of the offset, not yet slewed, at the last poll
        self._slew_s = 1.0  #: time constant of the slew
        self._wander_ppm = 0.0
        self._drift_ppm = 0.0  #: of the steered clock since the last poll
        self._quiet_polls = 0

    def advance(self, until_s: float) -> None:
        """Lives through all polls up to now; through those that no look can see, in long strides.

        Before each look all has settled again to the polls' own rhythm.
        """
        while self._polled_s + (interval_s := 2.0**self.poll_log2_s) <= until_s:
            if until_s - self._polled_s > (SETTLING_POLLS + STRIDE_POLLS) * interval_s:
                interval_s *= STRIDE_POLLS
            self._run(interval_s)
            at_s = self._polled_s
            self.reach = self.reach << 1 & REACH_MASK
            lost = self._rng.random() < self.source.loss_ratio
            if lost or is_within(self.source.away, at_s):
                self._miss()
            else:
                self.reach |= 1
                self._update(at_s)

    def true_offset_s(self, at_s: float) -> float:
        """Positive = ahead of true time. Known to nobody but the simulation."""
        since_s = at_s - self._polled_s
        slewed_s = self._left_s * -math.expm1(-since_s / self._slew_s)
        true_s = self._true_s + self._drift_ppm * 1e-6 * since_s - slewed_s
        if self._steps and self._steps[0].from_s <= at_s:
            true_s += self._steps[0].amount
        return true_s

    def system_offset_s(self, at_s: float) -> float:
        """What chronyd believes is left to correct; positive = ahead."""
        return self._left_s * math.exp(-(at_s - self._polled_s) / self._slew_s)

    def skew_ppm(self) -> float:
        """How well the frequency is known: noise over the length of the regression."""
        belief = self.belief
        span_s = max(belief.interval_s, 1.0) * max(belief.samples, 2)
        return 2e6 * belief.deviation_s / span_s + 0.003 + 40.0 * self._quartz.wander_ppm

    def root_dispersion_s(self, at_s: float) -> float:
        """Grows from one update to the next, whether the clock is wrong or not."""
        belief = self.belief
        if belief.updated_s is None:
            return belief.root_dispersion_s
        growth_ppm = self.skew_ppm() + abs(belief.resid_freq_ppm) + MAX_CLOCK_ERROR_PPM
        return belief.root_dispersion_s + growth_ppm * 1e-6 * (at_s - belief.updated_s)

    def _run(self, interval_s: float) -> None:
        """The quartz to the next poll: it drifts by what its correction leaves, and is slewed."""
        quartz, gauss, root_s = self._quartz, self._rng.gauss, math.sqrt(interval_s)
        self._wander_ppm += quartz.wander_ppm * root_s * gauss(0.0, 1.0)
        self._wander_ppm -= self._wander_ppm * interval_s / WANDER_MEMORY_S
        at_s = self._polled_s + interval_s
        warm_k = self._room.temperature_c(at_s - interval_s / 2) - REFERENCE_C
        natural_ppm = quartz.freq_ppm + quartz.ppm_per_k * warm_k + self._wander_ppm
        self._drift_ppm = natural_ppm - self.belief.freq_ppm
        decay = math.exp(-interval_s / self._slew_s)
        self._true_s += (
            self._drift_ppm * 1e-6 * interval_s
            - self._left_s * (1.0 - decay)
            + quartz.white_s * root_s * gauss(0.0, 1.0)
        )
        self._left_s *= decay
        self._polled_s = at_s
        while self._steps and self._steps[0].from_s <= at_s:
            self._true_s += self._steps.pop(0).amount

    def _miss(self) -> None:
        self._quiet_polls = 0
        if self.reach == 0:
            self.belief.samples = 0

    def _update(self, at_s: float) -> None:
        source, belief = self.source, self.belief
        noise_s = source.noise_s * (1.0 + network_load(at_s)) if source.delay_s else source.noise_s
        measured_s = self._true_s + source.error_s(at_s) + noise_s * self._rng.gauss(0.0, 1.0)
        surprise_s = measured_s - self._left_s
        interval_s = at_s - belief.updated_s if belief.updated_s is not None else 2.0**6
        if belief.samples < 3 or abs(surprise_s) > STEP_DEVIATIONS * belief.deviation_s:
            correction_s, freq_ppm = self._start_anew(surprise_s, interval_s)
        else:
            correction_s = OFFSET_GAIN * surprise_s
            freq_ppm = FREQ_GAIN * surprise_s / interval_s * 1e6
            square_s2 = 0.95 * belief.deviation_s**2 + 0.05 * surprise_s**2
            belief.deviation_s = math.sqrt(square_s2)
            belief.samples = min(source.steady_samples, belief.samples + 1)
            self._slow_down()
        self._left_s += correction_s
        poll_s = 2.0**self.poll_log2_s
        self._slew_s = max(SLEW_POLLS * poll_s, abs(self._left_s) * 1e6 / MAX_SLEW_PPM)
        belief.freq_ppm += freq_ppm
        belief.resid_freq_ppm = freq_ppm
        belief.measured_s = measured_s
        belief.last_offset_s = self._left_s
        belief.mean_square_s2 += 0.1 * (self._left_s**2 - belief.mean_square_s2)
        belief.interval_s = interval_s
        belief.updated_s = at_s
        belief.root_delay_s = source.root_delay_s + source.path_delay_s(at_s)
        belief.root_dispersion_s = source.root_dispersion_s + 2 * belief.deviation_s + 1e-7

    def _start_anew(self, surprise_s: float, interval_s: float) -> tuple[float, float]:
        """After a start, a long silence or a step the old measurements are worth nothing.

        How much of the surprise is offset, and how much frequency: ppm.
        """
        belief = self.belief
        after_silence = belief.updated_s is not None and self.reach == 1
        belief.samples = 3
        belief.deviation_s = self.source.noise_s * 1.5
        self.poll_log2_s = self.source.poll_min_log2_s
        self._quiet_polls = 0
        return surprise_s, 0.3 * surprise_s / interval_s * 1e6 if after_silence else 0.0

    def _slow_down(self) -> None:
        self._quiet_polls += 1
        if (
            self._quiet_polls >= POLLS_TO_SLOW_DOWN
            and self.poll_log2_s < self.source.poll_max_log2_s
        ):
            self.poll_log2_s += 1
            self._quiet_polls = 0

    @property
    def polled_s(self) -> float:
        """When the source was asked last."""
        return self._polled_s
