"""One source of time as a host's chronyd sees it: polls, reach, measurements. Pure."""

from dataclasses import dataclass
from random import Random

from ntp_checker.demo.surroundings import Spells, amount_of, is_within, network_load
from ntp_checker.model import Source, SourceMode, SourceState

REACH_MASK = 0xFF
#: chronyd's regression keeps so many samples at most; steady sources reach a part of it.
MAX_SAMPLES = 64
#: How far apart a source and the clock may be, in error margins, before the majority outvotes it.
FALSETICKER_MARGINS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source and the way to it."""

    address: str
    mode: SourceMode = SourceMode.SERVER
    stratum: int = 1  #: 0 for a refclock
    refid: str = ""  #: eight hex digits; "" for a server: made of its address
    noise_s: float = 30e-6  #: one measurement's white phase noise, standard deviation
    delay_s: float = 1e-3  #: there and back, on an idle network
    load_delay_s: float = 0.0  #: more of it on a busy one
    asymmetry_s: float = 0.0  #: error of a measurement on a busy network; positive = clock ahead
    bias_s: float = 0.0  #: constant error of a measurement; positive = clock seems ahead
    root_delay_s: float = 0.0  #: the source's own
    root_dispersion_s: float = 0.0  #: the source's own
    loss_ratio: float = 0.001  #: polls without an answer
    poll_min_log2_s: int = 6
    poll_max_log2_s: int = 8
    steady_samples: int = 20  #: in the regression once all is quiet
    state: SourceState = SourceState.COMBINED  #: while good and not the selected one
    away: Spells = ()  #: answers nothing
    lies: Spells = ()  #: its time is wrong by `amount`; positive = the clock seems ahead

    @property
    def refid_hex(self) -> str:
        """As chronyc prints it."""
        return self.refid or "".join(f"{int(part):02X}" for part in self.address.split("."))

    def error_s(self, at_s: float) -> float:
        """By how much its answer is off, noise apart; positive = the clock seems ahead."""
        error_s = self.bias_s
        if self.asymmetry_s:
            error_s += self.asymmetry_s * network_load(at_s)
        return error_s + amount_of(self.lies, at_s) if self.lies else error_s

    def path_delay_s(self, at_s: float) -> float:
        """There and back."""
        if not self.load_delay_s:
            return self.delay_s
        return self.delay_s + self.load_delay_s * network_load(at_s)

    def margin_s(self, at_s: float) -> float:
        """Half width of what an answer may be off: chronyc's error margin."""
        return (
            self.root_dispersion_s
            + (self.root_delay_s + self.path_delay_s(at_s)) / 2
            + 2 * self.noise_s
        )


class WatchedSource:
    """A source that chronyd polls but does not steer by."""

    def __init__(self, spec: SourceSpec, start_s: float, rng: Random) -> None:
        self.spec = spec
        self._rng = rng
        self._poll_s = 2.0**spec.poll_max_log2_s
        self._polled_s = start_s - self._poll_s * rng.random()
        self._heard_s: float | None = None
        self._reach = 0
        self._samples = 0
        self._measured_s = 0.0
        self._true_s = 0.0  #: the clock's true offset at the last answer

    def follow(self, at_s: float, true_offset_s: float) -> None:
        """Polls up to now; `true_offset_s` is the clock's, positive = ahead."""
        spec, rng = self.spec, self._rng
        missed = int((at_s - self._polled_s) // self._poll_s)
        # Polls before the last eight leave no trace.
        for back in range(min(missed, 8) - 1, -1, -1):
            poll_at_s = self._polled_s + (missed - back) * self._poll_s
            self._reach = self._reach << 1 & REACH_MASK
            if is_within(spec.away, poll_at_s) or rng.random() < spec.loss_ratio:
                continue
            self._reach |= 1
            self._heard_s = poll_at_s
        if not missed:
            return
        self._polled_s += missed * self._poll_s
        if self._heard_s is not None and self._reach & 1:
            noise_s = spec.noise_s * (1.0 + network_load(self._polled_s))
            self._measured_s = (
                true_offset_s + spec.error_s(self._polled_s) + noise_s * rng.gauss(0.0, 1.0)
            )
            self._true_s = true_offset_s
            self._samples = min(spec.steady_samples, self._samples + missed)
        elif self._reach == 0:
            self._samples = 0

    def report(self, at_s: float, true_offset_s: float) -> Source:
        """Its line of `sources`, with sourcestats."""
        spec = self.spec
        heard_s = self._heard_s
        if heard_s is None:
            return unheard(spec, self._reach)
        age_s = at_s - heard_s
        margin_s = spec.margin_s(heard_s) + 1e-6 * age_s
        offset_s = self._measured_s + true_offset_s - self._true_s
        if self._reach == 0:
            state = SourceState.UNUSABLE
        elif abs(offset_s - true_offset_s) > FALSETICKER_MARGINS * margin_s:
            state = SourceState.FALSETICKER
        else:
            state = spec.state
        return Source(
            mode=spec.mode,
            state=state,
            address=spec.address,
            stratum=spec.stratum,
            poll_log2_s=spec.poll_max_log2_s,
            reach=self._reach,
            last_rx_s=int(age_s),
            offset_s=round(offset_s, 9),
            measured_offset_s=round(self._measured_s, 9),
            error_s=round(margin_s, 9),
            std_dev_s=round(spec.noise_s * 1.1, 9) if self._samples >= 3 else None,
            samples=self._samples,
        )


def unheard(spec: SourceSpec, reach: int) -> Source:
    """A source that never answered: chronyc prints zeros, which mean nothing."""
    return Source(
        mode=spec.mode,
        state=SourceState.UNUSABLE,
        address=spec.address,
        stratum=0,
        poll_log2_s=spec.poll_min_log2_s,
        reach=reach,
        last_rx_s=None,
        offset_s=None,
        measured_offset_s=None,
        error_s=None,
        std_dev_s=None,
        samples=0,
    )
