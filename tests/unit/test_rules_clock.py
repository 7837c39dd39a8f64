"""Rules on tracking: just below, at and just above each limit, and when nothing may be judged."""

from dataclasses import replace
from math import inf, nextafter

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    Judgement,
    Limits,
    ProblemCode,
    Role,
    Sample,
    Severity,
    Status,
)
from ntp_checker.rules.clock import error_bound_s, judge_clock
from tests.made_samples import SAMPLE, SELECTED, SOURCE, TRACKING, with_selected, with_tracking

SERVER = DEFAULT_LIMITS[Role.SERVER]
GPS_SERVER = DEFAULT_LIMITS[Role.GPS_SERVER]
OK, WARNING, CRITICAL = None, Severity.WARNING, Severity.CRITICAL

NUMBERS_OF_THE_CLOCK = {
    ProblemCode.STRATUM_HIGH,
    ProblemCode.OFFSET_HIGH,
    ProblemCode.ERROR_BOUND_HIGH,
    ProblemCode.REFERENCE_STALE,
    ProblemCode.FREQUENCY_HIGH,
    ProblemCode.SKEW_HIGH,
}


def just_above(number: float) -> float:
    return nextafter(number, inf)


def just_below(number: float) -> float:
    return nextafter(number, -inf)


def find(sample: Sample, code: ProblemCode, limits: Limits = SERVER) -> Judgement | None:
    found = [j for j in judge_clock(sample, limits) if j.code is code]
    assert len(found) <= 1
    return found[0] if found else None


def judged(sample: Sample, code: ProblemCode, limits: Limits = SERVER) -> Judgement:
    judgement = find(sample, code, limits)
    assert judgement is not None
    return judgement


def around(warning: float, critical: float) -> list[tuple[float, Severity | None]]:
    return [
        (0.0, OK),
        (just_below(warning), OK),
        (warning, OK),
        (just_above(warning), WARNING),
        (just_below(critical), WARNING),
        (critical, WARNING),
        (just_above(critical), CRITICAL),
    ]


def test_clock_when_healthy_then_every_rule_finds_it_good() -> None:
    judgements = list(judge_clock(SAMPLE, SERVER))

    assert {j.code for j in judgements} == NUMBERS_OF_THE_CLOCK | {
        ProblemCode.UNSYNCHRONISED,
        ProblemCode.LOCAL_REFERENCE,
        ProblemCode.LEAP_PENDING,
    }
    assert {(j.severity, j.status) for j in judgements} == {(None, Status.OK)}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("offset_s", "severity"), around(0.010, 0.050))
def test_offset_when_server_then_10_and_50_ms_either_way(
    offset_s: float, severity: Severity | None, sign: int
) -> None:
    judgement = judged(with_tracking(system_offset_s=sign * offset_s), ProblemCode.OFFSET_HIGH)

    assert (judgement.severity, judgement.value, judgement.unit) == (severity, offset_s, "s")


@pytest.mark.parametrize(("offset_s", "severity"), around(100e-6, 1e-3))
def test_offset_when_gps_server_then_100_us_and_1_ms(
    offset_s: float, severity: Severity | None
) -> None:
    sample = with_tracking(system_offset_s=offset_s)

    assert judged(sample, ProblemCode.OFFSET_HIGH, GPS_SERVER).severity is severity


@pytest.mark.parametrize(
    ("offset_s", "text"),
    [
        (0.25, "clock is 250 ms ahead, limit 50 ms"),
        (-0.25, "clock is 250 ms behind, limit 50 ms"),
        (0.02, "clock is 20 ms ahead, limit 10 ms"),
    ],
)
def test_offset_when_high_then_the_text_says_which_way_and_which_limit(
    offset_s: float, text: str
) -> None:
    judgement = judged(with_tracking(system_offset_s=offset_s), ProblemCode.OFFSET_HIGH)

    assert judgement.text == text
    assert judgement.limit == (0.05 if abs(offset_s) > 0.05 else 0.01)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("offset_s", "error_s", "severity"),
    [
        (0.0105, 0.001, OK),  # one jittery sample, inside its margin
        (0.0125, 0.002, WARNING),
        (0.0500, 0.001, WARNING),
        (0.0530, 0.002, CRITICAL),
        (0.0530, None, CRITICAL),
        (0.0530, 10.0, OK),
    ],
)
def test_offset_when_the_selected_source_sees_it_then_only_beyond_its_margin(
    offset_s: float, error_s: float | None, severity: Severity | None, sign: int
) -> None:
    sample = with_selected(offset_s=sign * offset_s, error_s=error_s)

    assert judged(sample, ProblemCode.OFFSET_HIGH).severity is severity


@pytest.mark.parametrize(("sign", "way"), [(1, "ahead"), (-1, "behind")])
def test_offset_when_the_source_sees_more_than_the_clock_says_then_the_text_names_it(
    sign: int, way: str
) -> None:
    sample = with_selected(offset_s=sign * 0.5, error_s=0.25)

    judgement = judged(sample, ProblemCode.OFFSET_HIGH)

    assert judgement.value == 0.25
    assert judgement.text == f"source 192.0.2.1 sees the clock 250 ms {way}, limit 50 ms"


def test_offset_when_the_clock_says_more_than_the_source_then_the_clock_counts() -> None:
    sample = replace(
        with_selected(offset_s=-0.03, error_s=0.0),
        tracking=replace(TRACKING, system_offset_s=0.04),
    )

    assert judged(sample, ProblemCode.OFFSET_HIGH).value == 0.04


@pytest.mark.parametrize(("reach", "severity"), [(0o376, OK), (0o377, CRITICAL), (0o001, CRITICAL)])
def test_offset_when_the_sources_last_poll_failed_then_its_view_is_old(
    reach: int, severity: Severity | None
) -> None:
    sample = with_selected(offset_s=0.5, error_s=0.0, reach=reach)

    assert judged(sample, ProblemCode.OFFSET_HIGH).severity is severity


def test_offset_when_another_source_sees_it_then_not_judged_by_it() -> None:
    other = replace(SOURCE, offset_s=9.0, error_s=0.0)
    sample = replace(SAMPLE, sources=(SELECTED, other))

    assert judged(sample, ProblemCode.OFFSET_HIGH).severity is None


@pytest.mark.parametrize("sources", [None, ()])
def test_offset_when_there_is_no_source_then_the_clocks_own_counts(sources: object) -> None:
    sample = replace(with_tracking(system_offset_s=0.5), sources=sources)

    assert judged(sample, ProblemCode.OFFSET_HIGH).severity is CRITICAL


def test_offset_when_the_source_has_no_sample_then_the_clocks_own_counts() -> None:
    sample = with_selected(offset_s=None, error_s=None, measured_offset_s=None, last_rx_s=None)

    assert judged(sample, ProblemCode.OFFSET_HIGH).value == 0.0


@pytest.mark.parametrize(
    ("limits", "warning", "critical"), [(SERVER, 0.100, 1.0), (GPS_SERVER, 5e-3, 50e-3)]
)
def test_error_bound_when_near_its_limits_then_judged(
    limits: Limits, warning: float, critical: float
) -> None:
    for bound_s, severity in around(warning, critical):
        sample = with_tracking(root_dispersion_s=bound_s)
        assert judged(sample, ProblemCode.ERROR_BOUND_HIGH, limits).severity is severity


@pytest.mark.parametrize("offset_s", [0.25, -0.25])
def test_error_bound_when_summed_then_offset_dispersion_and_half_the_delay(
    offset_s: float,
) -> None:
    tracking = replace(
        TRACKING, system_offset_s=offset_s, root_dispersion_s=0.5, root_delay_s=0.0625
    )

    assert error_bound_s(tracking) == 0.78125


@pytest.mark.parametrize(
    ("stratum", "severity"), [(1, OK), (4, OK), (5, WARNING), (15, WARNING), (16, CRITICAL)]
)
def test_stratum_when_near_its_limits_then_judged(stratum: int, severity: Severity | None) -> None:
    assert judged(with_tracking(stratum=stratum), ProblemCode.STRATUM_HIGH).severity is severity


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("ppm", "severity"), [(just_below(100.0), OK), (100.0, OK), (just_above(100.0), WARNING)]
)
def test_frequency_when_near_100_ppm_then_judged(
    ppm: float, severity: Severity | None, sign: int
) -> None:
    sample = with_tracking(freq_ppm=sign * ppm)

    assert judged(sample, ProblemCode.FREQUENCY_HIGH).severity is severity


@pytest.mark.parametrize(
    ("ppm", "severity"), [(just_below(100.0), OK), (100.0, OK), (just_above(100.0), WARNING)]
)
def test_skew_when_near_100_ppm_then_judged(ppm: float, severity: Severity | None) -> None:
    assert judged(with_tracking(skew_ppm=ppm), ProblemCode.SKEW_HIGH).severity is severity


@pytest.mark.parametrize(
    ("samples", "is_judged"), [(None, False), (0, False), (7, False), (8, True), (9, True)]
)
def test_frequency_when_of_too_few_samples_then_not_judged(
    samples: int | None, is_judged: bool
) -> None:
    sample = with_selected(samples=samples)

    for code in (ProblemCode.FREQUENCY_HIGH, ProblemCode.SKEW_HIGH):
        assert (find(sample, code) is not None) is is_judged


@pytest.mark.parametrize("sources", [None, (), (SOURCE,)])
def test_frequency_when_nothing_is_selected_then_not_judged(sources: object) -> None:
    sample = replace(SAMPLE, sources=sources)

    assert find(sample, ProblemCode.FREQUENCY_HIGH) is None


@pytest.mark.parametrize(("freq_ppm", "way"), [(150.0, "150 ppm fast"), (-150.0, "150 ppm slow")])
def test_frequency_when_high_then_the_text_says_which_way(freq_ppm: float, way: str) -> None:
    assert way in judged(with_tracking(freq_ppm=freq_ppm), ProblemCode.FREQUENCY_HIGH).text


def test_clock_when_tracking_could_not_be_had_then_nothing_is_judged() -> None:
    assert list(judge_clock(replace(SAMPLE, tracking=None), SERVER)) == []
