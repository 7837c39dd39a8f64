"""When the clock is not synchronised, runs free, or a leap second is near."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    Judgement,
    Leap,
    Limits,
    ProblemCode,
    Role,
    Sample,
    Severity,
    Status,
)
from ntp_checker.rules.clock import error_bound_s, judge_clock
from tests.made_samples import TRACKING, with_tracking

SERVER = DEFAULT_LIMITS[Role.SERVER]
ISOLATED = DEFAULT_LIMITS[Role.ISOLATED]
OK, WARNING, CRITICAL = None, Severity.WARNING, Severity.CRITICAL

NUMBERS_OF_THE_CLOCK = {
    ProblemCode.STRATUM_HIGH,
    ProblemCode.OFFSET_HIGH,
    ProblemCode.ERROR_BOUND_HIGH,
    ProblemCode.REFERENCE_STALE,
    ProblemCode.FREQUENCY_HIGH,
    ProblemCode.SKEW_HIGH,
}


def find(sample: Sample, code: ProblemCode, limits: Limits = SERVER) -> Judgement | None:
    found = [j for j in judge_clock(sample, limits) if j.code is code]
    assert len(found) <= 1
    return found[0] if found else None


def judged(sample: Sample, code: ProblemCode, limits: Limits = SERVER) -> Judgement:
    judgement = find(sample, code, limits)
    assert judgement is not None
    return judgement


@pytest.mark.parametrize(
    "changes",
    [
        {"leap": Leap.NOT_SYNCHRONISED},
        {"stratum": 0},
        {"leap": Leap.NOT_SYNCHRONISED, "stratum": 0, "ref_time": None},
    ],
)
def test_zeros_when_unsynchronised_then_only_that_is_judged(changes: dict[str, object]) -> None:
    sample = with_tracking(**changes)
    judgements = list(judge_clock(sample, SERVER))

    assert judgements[0].code is ProblemCode.UNSYNCHRONISED
    assert (judgements[0].severity, judgements[0].status) == (CRITICAL, Status.CRITICAL)
    assert not NUMBERS_OF_THE_CLOCK & {j.code for j in judgements}
    assert error_bound_s(replace(TRACKING, **changes)) is None  # type: ignore[arg-type]  # by name


def test_zeros_when_on_the_local_reference_then_only_that_is_judged() -> None:
    sample = with_tracking(refid="7F7F0101", ref_name=None, stratum=10)
    judgements = list(judge_clock(sample, SERVER))

    assert judged(sample, ProblemCode.LOCAL_REFERENCE).severity is WARNING
    assert judged(sample, ProblemCode.UNSYNCHRONISED).severity is None
    assert not NUMBERS_OF_THE_CLOCK & {j.code for j in judgements}
    assert sample.tracking is not None
    assert error_bound_s(sample.tracking) is None


@pytest.mark.parametrize("refid", ["7F7F0101", "C0000201"])
def test_local_reference_when_isolated_then_not_judged(refid: str) -> None:
    sample = with_tracking(refid=refid)

    assert find(sample, ProblemCode.LOCAL_REFERENCE, ISOLATED) is None


def test_zeros_when_isolated_then_still_not_judged() -> None:
    codes = {j.code for j in judge_clock(with_tracking(refid="7F7F0101"), ISOLATED)}

    assert not NUMBERS_OF_THE_CLOCK & codes


def test_local_reference_when_unsynchronised_then_nothing_is_known_of_it() -> None:
    assert find(with_tracking(stratum=0), ProblemCode.LOCAL_REFERENCE) is None


@pytest.mark.parametrize(
    ("at", "is_judged"),
    [
        (datetime(2016, 12, 31, 23, 58, 59, tzinfo=UTC), True),
        (datetime(2016, 12, 31, 23, 59, 0, tzinfo=UTC), False),
        (datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), False),
        (datetime(2017, 1, 1, 0, 0, 0, tzinfo=UTC), False),
        (datetime(2017, 1, 1, 0, 1, 0, tzinfo=UTC), False),
        (datetime(2017, 1, 1, 0, 1, 1, tzinfo=UTC), True),
        (datetime(2026, 6, 30, 23, 59, 30, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 0, 0, 30, tzinfo=UTC), False),
        (datetime(2026, 3, 31, 23, 59, 30, tzinfo=UTC), True),
        (datetime(9999, 12, 31, 23, 59, 30, tzinfo=UTC), True),  # the last minute there is
    ],
)
def test_unsynchronised_when_a_leap_second_may_be_in_progress_then_not_judged(
    at: datetime, is_judged: bool
) -> None:
    sample = replace(with_tracking(leap=Leap.NOT_SYNCHRONISED), host_time_at=at)

    assert (find(sample, ProblemCode.UNSYNCHRONISED) is not None) is is_judged


def test_unsynchronised_when_the_host_tells_no_time_then_the_slot_decides() -> None:
    leaping = with_tracking(leap=Leap.NOT_SYNCHRONISED)
    slot_at = datetime(2017, 1, 1, tzinfo=UTC)

    unjudged = replace(leaping, host_time_at=None, slot_at=slot_at)

    assert find(unjudged, ProblemCode.UNSYNCHRONISED) is None


def test_unsynchronised_when_never_set_then_no_leap_second_excuses_it() -> None:
    sample = replace(
        with_tracking(stratum=0, leap=Leap.NOT_SYNCHRONISED),
        host_time_at=datetime(2017, 1, 1, tzinfo=UTC),
    )

    assert judged(sample, ProblemCode.UNSYNCHRONISED).severity is CRITICAL


@pytest.mark.parametrize(
    ("leap", "severity"),
    [
        (Leap.NORMAL, None),
        (Leap.INSERT_SECOND, Severity.INFO),
        (Leap.DELETE_SECOND, Severity.INFO),
    ],
)
def test_leap_second_when_announced_then_info_without_a_status(
    leap: Leap, severity: Severity | None
) -> None:
    judgement = judged(with_tracking(leap=leap), ProblemCode.LEAP_PENDING)

    assert (judgement.severity, judgement.status) == (severity, Status.OK)


def test_leap_second_when_unsynchronised_then_not_judged() -> None:
    assert find(with_tracking(leap=Leap.NOT_SYNCHRONISED), ProblemCode.LEAP_PENDING) is None
