from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address, ip_network

import pytest

from ntp_checker.codec import decode, encode
from ntp_checker.demo.examiner import Examiner
from ntp_checker.demo.fleet import make_fleet
from ntp_checker.demo.host import HostSpec, SimulatedHost
from ntp_checker.model import GpsMode, JudgedSample, Leap, Status

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
GPS_INTERVAL_S = 30.0
FLEET = {spec.host.name: spec for spec in make_fleet(NOW.timestamp())}
DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


@cache
def looks(name: str, *hours: float, seed: str = "1") -> tuple[JudgedSample, ...]:
    """Looks at these moments, hours from now, after some that let the host settle."""
    spec = FLEET[name]
    first = NOW + timedelta(hours=hours[0])
    settling = [first - timedelta(minutes=minutes) for minutes in (180, 120, 60, 30, 20, 10)]
    if spec.since_s is not None:
        settling = []
    host = made_host(spec, settling[0] if settling else first, seed)
    for slot_at in settling:
        host.look(slot_at)
    examiner = Examiner(spec, GPS_INTERVAL_S, timedelta(minutes=1))
    return tuple(examiner.judged(host.look(NOW + timedelta(hours=hour))) for hour in hours)


def made_host(spec: HostSpec, start_at: datetime, seed: str = "1") -> SimulatedHost:
    return SimulatedHost(spec, start_at.timestamp(), seed)


def codes(judged: JudgedSample) -> set[str]:
    return {problem.code.value for problem in judged.verdict.problems}


def test_fleet_when_made_has_twelve_hosts_of_different_names() -> None:
    assert len(FLEET) == len(make_fleet(NOW.timestamp())) == 12


def test_addresses_of_the_fleet_are_those_for_documentation() -> None:
    for spec in FLEET.values():
        assert spec.host.address.endswith(".example")
        for source in spec.sources:
            if not source.refid:
                assert any(ip_address(source.address) in net for net in DOCUMENTATION)


@pytest.mark.parametrize(
    ("name", "status", "wanted"),
    [
        ("gps-oslo", Status.OK, set()),
        ("gps-tromso", Status.OK, set()),
        ("ntp-core-1", Status.OK, {"leap_pending"}),
        ("ntp-core-2", Status.WARNING, {"falseticker"}),
        ("edge-03", Status.OK, set()),
        ("edge-07", Status.OK, set()),
        ("edge-11", Status.OK, set()),
        ("edge-19", Status.UNKNOWN, {"host_unreachable"}),
        ("db-02", Status.OK, set()),
    ],
)
def test_host_right_now_has_its_story(name: str, status: Status, wanted: set[str]) -> None:
    (judged,) = looks(name, 0.0)

    assert judged.verdict.status is status
    assert codes(judged) == wanted


def test_newcomer_right_now_was_never_synchronised() -> None:
    (judged,) = looks("lab-new", 0.0)

    assert judged.verdict.status is Status.CRITICAL
    assert {"unsynchronised", "no_selected_source"} <= codes(judged)
    assert judged.verdict.error_bound_s is None
    assert judged.sample.sources
    assert all(source.last_rx_s is None for source in judged.sample.sources)


def test_lost_fix_is_told_before_the_clock_shows_it() -> None:
    before, after = looks("gps-bergen", -5.1, -4.999)

    assert before.verdict.status is Status.OK
    assert codes(after) == {"gps_no_fix"}
    assert after.sample.gps is not None
    assert after.sample.gps.mode is GpsMode.NO_FIX


def test_holdover_when_it_lasts_lets_the_error_bound_grow() -> None:
    early, late = looks("gps-bergen", -4.0, -0.1)

    assert early.verdict.error_bound_s is not None
    assert late.verdict.error_bound_s is not None
    growth_ppm = (late.verdict.error_bound_s - early.verdict.error_bound_s) / (3.9 * 3600) * 1e6
    assert 1.0 < growth_ppm < 2.0
    assert {"gps_no_fix", "no_selected_source", "error_bound_high"} <= codes(late)


def test_outage_of_gps_when_over_leaves_nothing() -> None:
    held_over, back = looks("gps-bergen", -9 * 24 + 13, -9 * 24 + 16)

    assert "gps_no_fix" in codes(held_over)
    assert codes(back) == set()
    assert back.verdict.error_bound_s is not None
    assert back.verdict.error_bound_s < 1e-3


def test_step_of_the_clock_is_critical_and_slewed_back_within_two_hours() -> None:
    stepped, back = looks("edge-11", -9.9, -7.5)

    assert stepped.sample.tracking is not None
    assert stepped.sample.tracking.system_offset_s > 0.05
    assert stepped.verdict.status is Status.CRITICAL
    assert "offset_high" in codes(stepped)
    assert back.verdict.status is Status.OK


def test_step_of_the_clock_is_seen_in_the_hosts_own_time() -> None:
    (stepped,) = looks("edge-11", -9.999)

    assert stepped.sample.host_time_at is not None
    assert stepped.sample.taken_at is not None
    ahead_s = (stepped.sample.host_time_at - stepped.sample.taken_at).total_seconds()
    assert ahead_s > 0.079


@pytest.mark.parametrize(
    ("hour", "is_there"), [(-121, True), (-119, False), (-97, False), (-95, True)]
)
def test_edge_07_is_away_for_a_day(hour: float, is_there: bool) -> None:
    (judged,) = looks("edge-07", hour)

    assert (judged.sample.tracking is not None) is is_there


def test_snow_on_the_antenna_leaves_too_few_satellites() -> None:
    hours = [-30 + minutes / 60 for minutes in range(5, 175, 10)]

    found = set.union(*map(codes, looks("gps-tromso", *hours)))

    assert found >= {"gps_few_satellites", "gps_2d_fix"}


def test_failed_cooling_moves_the_frequency() -> None:
    cool, hot = looks("db-02", -40 * 24 - 1, -40 * 24 + 20)

    assert cool.sample.tracking is not None
    assert hot.sample.tracking is not None
    assert hot.sample.tracking.freq_ppm - cool.sample.tracking.freq_ppm == pytest.approx(
        1.4, abs=0.4
    )


def test_detour_pushes_the_clock_and_the_other_sources_see_it() -> None:
    before, during = looks("edge-03", -60 * 24 - 1, -60 * 24 + 20)

    def seen_by_others(judged: JudgedSample) -> float:
        assert judged.sample.sources is not None
        offsets_s = [source.offset_s for source in judged.sample.sources[1:]]
        return sum(offset_s for offset_s in offsets_s if offset_s is not None) / 3

    assert seen_by_others(during) - seen_by_others(before) == pytest.approx(2.4e-3, abs=1e-3)


def test_leap_second_when_announced_is_in_tracking() -> None:
    before, after = looks("ntp-core-1", -27, -25)

    assert before.sample.tracking is not None
    assert after.sample.tracking is not None
    assert before.sample.tracking.leap is Leap.NORMAL
    assert after.sample.tracking.leap is Leap.INSERT_SECOND


def test_flaky_line_after_the_start_comes_back_and_goes_again() -> None:
    back, gone = looks("edge-19", 2.1, 8.1)

    assert back.verdict.status is Status.OK
    assert gone.verdict.status is Status.UNKNOWN


@pytest.mark.parametrize("name", sorted(FLEET))
def test_samples_with_the_same_seed_are_the_same(name: str) -> None:
    spec = FLEET[name]
    start_at = NOW - timedelta(hours=2)
    slots = [start_at + timedelta(minutes=5 * k) for k in range(24)]
    first, second = made_host(spec, start_at), made_host(spec, start_at)

    assert [first.look(at) for at in slots] == [second.look(at) for at in slots]


def test_samples_with_another_seed_are_others() -> None:
    assert looks("db-02", 0.0, seed="1") != looks("db-02", 0.0, seed="2")


@pytest.mark.parametrize("name", sorted(FLEET))
def test_samples_survive_the_codec(name: str) -> None:
    for judged in looks(name, -2.0, -1.0, 0.0):
        assert decode(encode(judged)) == judged


def test_numbers_have_no_more_digits_than_chronyc_prints() -> None:
    (judged,) = looks("pi-home", 0.0)
    tracking = judged.sample.tracking

    assert tracking is not None
    for seconds in (tracking.system_offset_s, tracking.rms_offset_s, tracking.root_dispersion_s):
        assert float(f"{seconds:.9f}") == seconds
    for ppm in (tracking.freq_ppm, tracking.skew_ppm):
        assert float(f"{ppm:.3f}") == ppm


def test_clock_at_home_is_worse_than_one_in_the_server_room() -> None:
    hours = [-k / 10 for k in range(60, 0, -1)]

    def largest_offset_s(name: str) -> float:
        found = [judged.sample.tracking for judged in looks(name, *hours)]
        return max(abs(tracking.system_offset_s) for tracking in found if tracking)

    assert largest_offset_s("pi-home") > 10 * largest_offset_s("db-02")
