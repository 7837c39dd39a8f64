"""How old the last clock update may be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    Judgement,
    Limits,
    ProblemCode,
    Role,
    Sample,
    Severity,
    SourceState,
)
from ntp_checker.rules.clock import judge_clock
from tests.made_samples import NOW, SAMPLE, SELECTED, TRACKING, with_selected, with_tracking

SERVER = DEFAULT_LIMITS[Role.SERVER]
OK, WARNING, CRITICAL = None, Severity.WARNING, Severity.CRITICAL


def find(sample: Sample, code: ProblemCode, limits: Limits = SERVER) -> Judgement | None:
    found = [j for j in judge_clock(sample, limits) if j.code is code]
    assert len(found) <= 1
    return found[0] if found else None


def judged(sample: Sample, code: ProblemCode, limits: Limits = SERVER) -> Judgement:
    judgement = find(sample, code, limits)
    assert judgement is not None
    return judgement


@pytest.mark.parametrize(
    ("age_s", "severity"),
    [(0.0, OK), (256.0, OK), (256.001, WARNING), (1024.0, WARNING), (1024.001, CRITICAL)],
)
def test_reference_age_when_near_4_and_16_rhythms_then_judged(
    age_s: float, severity: Severity | None
) -> None:
    sample = with_tracking(ref_time=NOW - timedelta(seconds=age_s), update_interval_s=64.0)

    assert judged(sample, ProblemCode.REFERENCE_STALE).severity is severity


@pytest.mark.parametrize(
    ("poll_log2_s", "update_interval_s", "limit_s"),
    [(6, 8.0, 256.0), (4, 100.0, 400.0), (10, 64.0, 4096.0), (-2, 0.2, 4.0)],
)
def test_reference_age_when_polls_are_rare_then_the_larger_rhythm_counts(
    poll_log2_s: int, update_interval_s: float, limit_s: float
) -> None:
    sample = replace(
        with_selected(poll_log2_s=poll_log2_s),
        tracking=replace(TRACKING, update_interval_s=update_interval_s),
    )

    assert judged(sample, ProblemCode.REFERENCE_STALE).limit == limit_s


def test_reference_age_when_nothing_is_selected_then_the_slowest_source_counts() -> None:
    lost = replace(SELECTED, state=SourceState.UNUSABLE, poll_log2_s=6)
    sample = replace(SAMPLE, sources=(lost, replace(lost, poll_log2_s=10)))

    assert judged(sample, ProblemCode.REFERENCE_STALE).limit == 4096.0


def test_reference_age_when_no_source_is_left_then_the_update_interval_counts() -> None:
    assert judged(replace(SAMPLE, sources=()), ProblemCode.REFERENCE_STALE).limit == 256.0


@pytest.mark.parametrize("offset_s", [3600.0, -3600.0])
def test_reference_age_when_the_clock_is_wrong_then_corrected_by_its_offset(
    offset_s: float,
) -> None:
    sample = with_tracking(system_offset_s=offset_s, ref_time=NOW - timedelta(seconds=offset_s + 9))

    assert judged(sample, ProblemCode.REFERENCE_STALE).value == pytest.approx(9.0)


def test_reference_age_when_in_the_future_then_zero() -> None:
    sample = with_tracking(ref_time=NOW + timedelta(seconds=5))

    assert judged(sample, ProblemCode.REFERENCE_STALE).value == 0.0


@pytest.mark.parametrize(
    "sample",
    [
        replace(SAMPLE, host_time_at=None),
        with_tracking(ref_time=None),
        replace(SAMPLE, sources=None),
    ],
)
def test_reference_age_when_something_is_missing_then_not_judged(sample: Sample) -> None:
    assert find(sample, ProblemCode.REFERENCE_STALE) is None
