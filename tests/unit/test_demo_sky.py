from random import Random

import pytest

from ntp_checker.demo.receiver import USED_MAX, Receiver, ReceiverSpec
from ntp_checker.demo.sky import Antenna, satellites_in_view
from ntp_checker.demo.surroundings import Spell
from ntp_checker.model import GpsMode

DAY_S = 86_400
OPEN = Antenna(tilt_rad=0.8, turn_rad=0.0)
MOMENTS = [1_800_000_000.0 + k * DAY_S / 48 for k in range(96)]


@pytest.mark.parametrize("at_s", MOMENTS[::8])
def test_open_sky_shows_satellites_of_every_system(at_s: float) -> None:
    seen = satellites_in_view(OPEN, at_s)

    assert {one.gnssid for one in seen} == {0, 2, 6}
    assert 12 <= len(seen) <= 40


def test_satellites_are_named_once() -> None:
    for at_s in MOMENTS:
        seen = satellites_in_view(OPEN, at_s)
        assert len({(one.gnssid, one.svid) for one in seen}) == len(seen)


def test_satellites_stay_above_the_mask() -> None:
    masked = Antenna(tilt_rad=0.8, turn_rad=0.0, mask_deg=30.0)

    assert all(
        one.elevation_deg >= 30 for at_s in MOMENTS for one in satellites_in_view(masked, at_s)
    )


def test_satellites_behind_a_wall_are_not_seen() -> None:
    walled = Antenna(tilt_rad=0.8, turn_rad=0.0, blocked_deg=(90.0, 180.0), blocked_mask_deg=60.0)

    low = [
        one
        for at_s in MOMENTS
        for one in satellites_in_view(walled, at_s)
        if 91 <= one.azimuth_deg <= 179
    ]
    assert low
    assert all(one.elevation_deg >= 60 for one in low)


def test_satellite_when_a_minute_passes_moves_a_little() -> None:
    before = {(one.gnssid, one.svid): one for one in satellites_in_view(OPEN, MOMENTS[0])}
    after = {(one.gnssid, one.svid): one for one in satellites_in_view(OPEN, MOMENTS[0] + 60)}

    both = before.keys() & after.keys()
    assert both
    assert all(abs(before[key].elevation_deg - after[key].elevation_deg) <= 1 for key in both)


def receiver(*deaf: Spell, antenna: Antenna = OPEN) -> Receiver:
    spec = ReceiverSpec(device="/dev/ttyS0", antenna=antenna, deaf=deaf)
    return Receiver(spec, Random("test"))


def test_receiver_under_open_sky_has_a_fix_and_the_time() -> None:
    report = receiver().report(MOMENTS[0], 0.0)

    assert report.mode is GpsMode.FIX_3D
    assert report.time is not None
    assert report.satellites_used is not None
    assert 4 <= report.satellites_used <= USED_MAX
    assert report.satellites_seen == len(report.satellites)
    assert report.satellites_used == sum(one.used for one in report.satellites)


def test_receiver_without_antenna_reports_no_satellite_and_no_time() -> None:
    report = receiver(Spell(from_s=0.0, to_s=4e9)).report(MOMENTS[0], 0.0)

    assert report.mode is GpsMode.NO_FIX
    assert report.satellites == ()
    assert report.satellites_used is None
    assert report.time is None
    assert report.hdop is None


def test_higher_satellites_are_stronger() -> None:
    seen = receiver().report(MOMENTS[0], 0.0).satellites
    snr = [one.snr_dbhz for one in seen if one.snr_dbhz is not None]
    third = len(snr) // 3

    assert sum(snr[:third]) > sum(snr[-third:])
