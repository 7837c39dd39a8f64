"""The receiver's second against chronyd's."""

from dataclasses import replace

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    GpsMode,
    Judgement,
    Leap,
    ProblemCode,
    Role,
    Sample,
    Severity,
    Status,
)
from ntp_checker.rules.gps import judge_gps
from tests.made_samples import TRACKING, gps_report, with_gps

LIMITS = DEFAULT_LIMITS[Role.SERVER]
WEEK_ROLLOVER_S = 1024 * 7 * 86_400.0


def judged(sample: Sample) -> Judgement | None:
    found = [
        judgement
        for judgement in judge_gps(sample, LIMITS, 30.0)
        if judgement.code is ProblemCode.GPS_TIME_WRONG
    ]
    return found[0] if found else None


def with_lag(lag_s: float | None, offset_s: float = 0.0) -> Sample:
    sample = with_gps(gps_report(time_lag_s=lag_s))
    return replace(sample, tracking=replace(TRACKING, system_offset_s=offset_s))


@pytest.mark.parametrize("lag_s", [-0.1, 0.0, 0.05, 0.6, 1.0])
def test_gps_time_when_its_report_is_on_its_way_then_good(lag_s: float) -> None:
    found = judged(with_lag(lag_s))

    assert found is not None
    assert found.severity is None
    assert found.subject == "/dev/ttyS0"


@pytest.mark.parametrize(
    ("lag_s", "words"),
    [(1.01, "1.01 s behind"), (-0.99, "990 ms ahead of"), (-0.11, "110 ms ahead")],
)
def test_gps_time_when_a_second_off_then_critical(lag_s: float, words: str) -> None:
    found = judged(with_lag(lag_s))

    assert found is not None
    assert (found.severity, found.status) == (Severity.CRITICAL, Status.CRITICAL)
    assert found.value == pytest.approx(lag_s)
    assert words in found.text


@pytest.mark.parametrize("sign", [1, -1])
def test_gps_time_when_1024_weeks_off_then_said_so(sign: int) -> None:
    found = judged(with_lag(sign * WEEK_ROLLOVER_S + 0.2))

    assert found is not None
    assert found.severity is Severity.CRITICAL
    assert "1024 weeks" in found.text


def test_gps_time_when_the_host_is_off_then_its_offset_is_taken_out() -> None:
    found = judged(with_lag(3600.2, offset_s=3600.0))

    assert found is not None
    assert found.severity is None


@pytest.mark.parametrize(
    "sample",
    [
        with_lag(None),
        replace(with_lag(5.0), tracking=None),
        replace(with_lag(5.0), tracking=replace(TRACKING, leap=Leap.NOT_SYNCHRONISED)),
        replace(with_lag(5.0), tracking=replace(TRACKING, refid="7F7F0101")),
        with_gps(gps_report(time_lag_s=5.0, mode=GpsMode.NO_FIX)),
    ],
    ids=["no stamp", "no tracking", "unsynchronised", "local reference", "no fix"],
)
def test_gps_time_when_nobody_can_tell_then_not_judged(sample: Sample) -> None:
    assert judged(sample) is None
