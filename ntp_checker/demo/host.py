"""One simulated host: asked for a look at a moment, it answers as chronyd and gpsd would. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from ntp_checker.demo.clock import Quartz, SteeredClock
from ntp_checker.demo.receiver import Receiver, ReceiverSpec
from ntp_checker.demo.source import SourceSpec, WatchedSource, unheard
from ntp_checker.demo.surroundings import Room, Spells, is_within
from ntp_checker.model import (
    Failure,
    FailureKind,
    Host,
    Leap,
    Part,
    Sample,
    Source,
    SourceState,
    Tracking,
)
from ntp_checker.parse.gpsd import as_device

#: chronyd has listened for this long when the first sample is taken.
WARM_UP_S = 6 * 3_600.0
#: A login that nobody answers is given up after this.
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """A host and all that happens to it."""

    host: Host
    quartz: Quartz
    room: Room
    sources: tuple[SourceSpec, ...]  #: the first is the one its clock follows
    receiver: ReceiverSpec | None = None
    round_trip_s: float = 0.004  #: of a look
    steps: Spells = ()  #: its clock jumps by `amount` seconds; positive = forward
    away: Spells = ()  #: nobody answers
    leap_announced: Spells = ()
    since_s: float | None = None  #: epoch seconds: new here; None = always there


class SimulatedHost:
    """The host's state, advanced from one look to the next: never backwards."""

    def __init__(self, spec: HostSpec, start_s: float, seed: str) -> None:
        """`start_s` is the moment of the first look; same spec, start and seed: same samples."""
        self.spec = spec
        born_s = start_s - WARM_UP_S if spec.since_s is None else spec.since_s
        rng = Random(f"{seed}/{spec.host.name}")  # noqa: S311 - no secret, and to be repeatable
        self._rng = rng
        self.clock = SteeredClock(
            spec.quartz, spec.room, spec.sources[0], start_s=born_s, steps=spec.steps, rng=rng
        )
        self._watched = [WatchedSource(source, born_s, rng) for source in spec.sources[1:]]
        self._receiver = Receiver(spec.receiver, rng) if spec.receiver is not None else None

    def look(self, slot_at: datetime) -> Sample:
        """What a look at this slot finds; slots come in order."""
        clock, spec = self.clock, self.spec
        late_s = 0.0005 + 0.004 * self._rng.random()
        duration_s = spec.round_trip_s * (1.0 + 0.3 * self._rng.random())
        at_s = slot_at.timestamp() + late_s
        clock.advance(at_s)
        true_offset_s = clock.true_offset_s(at_s)
        for source in self._watched:
            source.follow(at_s, true_offset_s)
        taken_at = datetime.fromtimestamp(at_s, UTC)
        if is_within(spec.away, at_s):
            return Sample(
                host=spec.host.name,
                slot_at=slot_at,
                taken_at=taken_at,
                duration_s=round(CONNECT_TIMEOUT_S + late_s, 6),
                failures=(_no_login(),),
            )
        gps = self._receiver.report(at_s, true_offset_s) if self._receiver is not None else None
        return Sample(
            host=spec.host.name,
            slot_at=slot_at,
            taken_at=taken_at,
            duration_s=round(duration_s, 6),
            host_time_at=datetime.fromtimestamp(at_s + duration_s / 2 + true_offset_s, UTC),
            tracking=self._tracking(at_s),
            sources=(
                self._selected(at_s),
                *(source.report(at_s, true_offset_s) for source in self._watched),
            ),
            gps=gps,
            gps_devices=(as_device(gps),) if gps is not None else (),
        )

    def _tracking(self, at_s: float) -> Tracking:
        clock, belief, source = self.clock, self.clock.belief, self.spec.sources[0]
        if belief.updated_s is None:
            return _UNSET
        leap = Leap.NORMAL
        if is_within(self.spec.leap_announced, at_s):
            leap = Leap.INSERT_SECOND
        return Tracking(
            refid=source.refid_hex,
            ref_name=source.address,
            stratum=source.stratum + 1,
            ref_time=datetime.fromtimestamp(belief.updated_s, UTC),
            system_offset_s=round(clock.system_offset_s(at_s), 9),
            last_offset_s=round(belief.last_offset_s, 9),
            rms_offset_s=round(math.sqrt(belief.mean_square_s2), 9),
            freq_ppm=round(belief.freq_ppm, 3),
            resid_freq_ppm=round(belief.resid_freq_ppm, 3),
            skew_ppm=round(clock.skew_ppm(), 3),
            root_delay_s=round(belief.root_delay_s, 9),
            root_dispersion_s=round(clock.root_dispersion_s(at_s), 9),
            update_interval_s=round(belief.interval_s, 1),
            leap=leap,
        )

    def _selected(self, at_s: float) -> Source:
        """The source that the clock follows; deselected once it was not heard for eight polls."""
        clock, belief, spec = self.clock, self.clock.belief, self.spec.sources[0]
        if belief.updated_s is None:
            return unheard(spec, clock.reach)
        age_s = at_s - belief.updated_s
        # What chronyd slewed since is known to it; how the clock drifted meanwhile is not.
        slewed_s = belief.last_offset_s - clock.system_offset_s(at_s)
        margin_s = spec.margin_s(belief.updated_s) + belief.deviation_s + 1e-6 * age_s
        return Source(
            mode=spec.mode,
            state=SourceState.SELECTED if clock.reach else SourceState.UNUSABLE,
            address=spec.address,
            stratum=spec.stratum,
            poll_log2_s=clock.poll_log2_s,
            reach=clock.reach,
            last_rx_s=int(age_s),
            offset_s=round(belief.measured_s - slewed_s, 9),
            measured_offset_s=round(belief.measured_s, 9),
            error_s=round(margin_s, 9),
            std_dev_s=round(belief.deviation_s, 9) if belief.samples >= 3 else None,
            samples=belief.samples,
        )


def _no_login() -> Failure:
    return Failure(
        part=Part.LOGIN,
        kind=FailureKind.UNREACHABLE,
        stage="connect",
        detail="no SSH login: connect: time ran out",
    )


#: What chronyd says before its clock was ever set. Captured from chrony 4.3.
_UNSET = Tracking(
    refid="00000000",
    ref_name=None,
    stratum=0,
    ref_time=None,
    system_offset_s=0.0,
    last_offset_s=0.0,
    rms_offset_s=0.0,
    freq_ppm=0.0,
    resid_freq_ppm=0.0,
    skew_ppm=0.0,
    root_delay_s=1.0,
    root_dispersion_s=1.0,
    update_interval_s=0.0,
    leap=Leap.NOT_SYNCHRONISED,
)
