"""A GPS receiver under that sky, as gpsd reports it. Pure; times are epoch seconds."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from ntp_checker.demo.sky import Antenna, Seen, satellites_in_view
from ntp_checker.demo.surroundings import Spells, is_within
from ntp_checker.model import GpsMode, GpsReport, Satellite

#: The sky is worked out anew this often; a satellite moves by two degrees meanwhile.
SKY_STEP_S = 300.0
#: Weaker signals are received, but not used.
USABLE_SNR_DBHZ = 27.0
USED_MAX = 16  #: satellites that a small receiver's solution takes
#: gpsd reports once a second: the newest report is this old at most when it is read.
REPORT_AGE_S = 0.9
#: The sentences of a second come so much after it; the pulse is what is exact.
SENTENCE_LAG_S = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSpec:
    """A receiver."""

    device: str
    antenna: Antenna
    gain_dbhz: float = 27.0  #: signal strength at the horizon
    deaf: Spells = ()  #: antenna unplugged


class Receiver:
    """What it sees changes slowly; what it reports, at every look."""

    def __init__(self, spec: ReceiverSpec, rng: Random) -> None:
        self._spec = spec
        self._rng = rng
        self._sky: list[Seen] = []
        self._sky_step: int | None = None

    def report(self, at_s: float, clock_offset_s: float) -> GpsReport:
        """The newest report at this moment; the host's clock is so much ahead."""
        age_s = round(self._rng.random() * REPORT_AGE_S, 3)
        taken_at = datetime.fromtimestamp(at_s - age_s, UTC)
        satellites = self._satellites(at_s)
        used = sum(satellite.used for satellite in satellites)
        mode = _mode(used)
        has_fix = mode in (GpsMode.FIX_2D, GpsMode.FIX_3D)
        return GpsReport(
            device=self._spec.device,
            taken_at=taken_at,
            age_s=age_s,
            mode=mode,
            # TPV is of a whole second; without a fix this receiver tells no time.
            time=taken_at.replace(microsecond=0) if has_fix else None,
            time_lag_s=self._lag_s(clock_offset_s) if has_fix else None,
            satellites_used=used if satellites else None,
            satellites_seen=len(satellites) if satellites else None,
            hdop=round(0.45 + 2.9 / used, 2) if has_fix else None,
            tdop=round(0.35 + 2.2 / used, 2) if has_fix else None,
            satellites=satellites,
        )

    def _lag_s(self, clock_offset_s: float) -> float:
        return round(SENTENCE_LAG_S + 0.01 * self._rng.random() + clock_offset_s, 6)

    def _satellites(self, at_s: float) -> tuple[Satellite, ...]:
        """Of no satellite there is no SKY at all."""
        if is_within(self._spec.deaf, at_s):
            return ()
        step = int(at_s // SKY_STEP_S)
        if step != self._sky_step:
            self._sky_step = step
            self._sky = satellites_in_view(self._spec.antenna, step * SKY_STEP_S)
        return tuple(self._satellite(seen, rank) for rank, seen in enumerate(self._sky))

    def _satellite(self, seen: Seen, rank: int) -> Satellite:
        height = math.sin(math.radians(seen.elevation_deg))
        snr_dbhz = self._spec.gain_dbhz + 20.0 * height + 4.0 * self._rng.random() - 2.0
        return Satellite(
            gnssid=seen.gnssid,
            svid=seen.svid,
            used=rank < USED_MAX and snr_dbhz >= USABLE_SNR_DBHZ,
            snr_dbhz=float(round(snr_dbhz)),
            elevation_deg=seen.elevation_deg,
            azimuth_deg=seen.azimuth_deg,
        )


def _mode(used: int) -> GpsMode:
    if used >= 4:
        return GpsMode.FIX_3D
    return GpsMode.FIX_2D if used == 3 else GpsMode.NO_FIX
