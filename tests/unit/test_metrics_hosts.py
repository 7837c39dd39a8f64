"""What is told of a host: its last look, and nothing that is not known."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from ntp_checker.metrics import CheckerMetrics
from ntp_checker.model import (
    FailureKind,
    GpsMode,
    Host,
    Leap,
    Part,
    Sample,
    Source,
    SourceState,
)
from tests.made_samples import (
    NOW,
    SAMPLE,
    SELECTED,
    SOURCE,
    gps_report,
    with_failure,
    with_gps,
    with_tracking,
)
from tests.scrapes import judged, series

NTP1 = Host(name="ntp1", address="192.0.2.1")
HOSTILE = 'a"b\\c\n{x="1"} 9\n# EOF'


def told(*samples: Sample) -> dict[str, float]:
    metrics = CheckerMetrics()
    metrics.watch([NTP1])
    for sample in samples:
        metrics.looked(judged(sample))
    return series(generate_latest(metrics.registry).decode())


def of_host(found: dict[str, float]) -> set[str]:
    return {name for name in found if name.startswith("ntp_checker_host_")}


def test_offset_when_the_clock_is_ahead_then_positive() -> None:
    found = told(with_tracking(system_offset_s=0.25))

    assert found['ntp_checker_host_offset_seconds{host="ntp1"}'] == 0.25


def test_error_bound_when_judged_then_that_of_the_verdict() -> None:
    found = told(with_tracking(system_offset_s=-0.25, root_delay_s=0.5, root_dispersion_s=1.0))

    assert found['ntp_checker_host_error_bound_seconds{host="ntp1"}'] == 1.5


@pytest.mark.parametrize(
    "sample",
    [
        with_tracking(stratum=0, leap=Leap.NOT_SYNCHRONISED),
        with_tracking(refid="7F7F0101"),
        with_failure(Part.TRACKING, FailureKind.DEADLINE),
    ],
    ids=["unset", "free running", "not heard"],
)
@pytest.mark.parametrize(
    "name",
    ["offset", "error_bound", "root_delay", "root_dispersion"],
)
def test_clock_when_nothing_is_known_of_it_then_no_series(sample: Sample, name: str) -> None:
    found = told(SAMPLE, sample)

    assert f'ntp_checker_host_{name}_seconds{{host="ntp1"}}' not in found


def test_stratum_when_not_heard_then_no_series() -> None:
    found = told(SAMPLE, with_failure(Part.TRACKING, FailureKind.DEADLINE))

    assert 'ntp_checker_host_stratum{host="ntp1"}' not in found


def test_last_seen_when_not_heard_since_then_still_the_time_of_the_last_answer() -> None:
    later = with_failure(Part.LOGIN, FailureKind.UNREACHABLE)
    later = replace(later, taken_at=NOW + timedelta(seconds=30))
    found = told(SAMPLE, later)

    assert found['ntp_checker_host_last_seen_timestamp_seconds{host="ntp1"}'] == NOW.timestamp()


def test_last_look_when_it_failed_then_its_time() -> None:
    found = told(with_failure(Part.LOGIN, FailureKind.UNREACHABLE))

    assert found['ntp_checker_host_last_look_timestamp_seconds{host="ntp1"}'] == NOW.timestamp()


def test_status_when_it_changed_then_only_the_present_one() -> None:
    found = told(SAMPLE, with_failure(Part.LOGIN, FailureKind.UNREACHABLE))
    statuses = [name for name in found if name.startswith("ntp_checker_host_status{")]

    assert statuses == ['ntp_checker_host_status{host="ntp1",status="unknown"}']


def test_leap_when_a_second_is_announced_then_told() -> None:
    found = told(with_tracking(leap=Leap.INSERT_SECOND))

    assert found['ntp_checker_host_leap{host="ntp1",leap="insert_second"}'] == 1


@pytest.mark.parametrize(
    ("state", "count"),
    [(SourceState.SELECTED, 1), (SourceState.COMBINED, 2), (SourceState.FALSETICKER, 0)],
)
def test_sources_when_had_then_counted_by_state(state: SourceState, count: int) -> None:
    found = told(SAMPLE)

    assert found[f'ntp_checker_host_sources{{host="ntp1",state="{state.value}"}}'] == count


def test_sources_when_not_had_then_no_series() -> None:
    found = told(with_failure(Part.SOURCES, FailureKind.DEADLINE))

    assert not [name for name in found if name.startswith("ntp_checker_host_sources")]


@pytest.mark.parametrize(("reach", "ratio"), [(0o377, 1.0), (0o17, 0.5), (0, 0.0)])
def test_reach_when_a_source_is_selected_then_its_share_of_answers(
    reach: int, ratio: float
) -> None:
    found = told(replace(SAMPLE, sources=(replace(SELECTED, reach=reach), SOURCE)))

    assert found['ntp_checker_host_selected_source_reach_ratio{host="ntp1"}'] == ratio


@pytest.mark.parametrize("sources", [(), (SOURCE,)])
def test_reach_when_none_is_selected_then_no_series(sources: tuple[Source, ...]) -> None:
    found = told(replace(SAMPLE, sources=sources))

    assert 'ntp_checker_host_selected_source_reach_ratio{host="ntp1"}' not in found


def test_gps_when_there_is_a_report_then_told() -> None:
    found = told(with_gps(gps_report(mode=GpsMode.FIX_2D, satellites_used=3, hdop=None)))
    of_gps = {name: value for name, value in found.items() if "_gps_" in name}

    assert of_gps == {
        'ntp_checker_host_gps_mode{host="ntp1",mode="fix_2d"}': 1.0,
        'ntp_checker_host_gps_report_age_seconds{host="ntp1"}': 1.0,
        'ntp_checker_host_gps_satellites_used{host="ntp1"}': 3.0,
        'ntp_checker_host_gps_satellites_seen{host="ntp1"}': 11.0,
    }


def test_problems_when_rules_are_broken_then_counted_by_code_and_severity() -> None:
    found = told(with_tracking(system_offset_s=0.25))
    name = 'ntp_checker_host_problems{code="offset_high",host="ntp1",severity="critical"}'

    assert found[name] == 1


def test_host_when_no_longer_watched_then_no_series() -> None:
    metrics = CheckerMetrics()
    metrics.watch([NTP1])
    metrics.looked(judged(SAMPLE))
    metrics.watch([])

    assert not of_host(series(generate_latest(metrics.registry).decode()))


def test_look_when_its_host_has_just_left_then_no_series() -> None:
    metrics = CheckerMetrics()
    metrics.watch([])
    metrics.looked(judged(SAMPLE))

    assert not of_host(series(generate_latest(metrics.registry).decode()))


def test_host_when_its_name_is_hostile_then_one_series_of_that_name() -> None:
    metrics = CheckerMetrics()
    metrics.watch([replace(NTP1, name=HOSTILE)])
    metrics.looked(judged(replace(SAMPLE, host=HOSTILE)))
    found = series(generate_latest(metrics.registry).decode())

    assert found[f'ntp_checker_host_stratum{{host="{HOSTILE}"}}'] == 2


def test_labels_when_all_is_told_then_nothing_that_a_host_printed() -> None:
    found = told(with_gps(gps_report()))

    assert not [name for name in found if "192.0.2." in name or "/dev/" in name]
