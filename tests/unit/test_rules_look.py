"""Rules on the look itself, and the verdict that all rules make together."""

from dataclasses import replace

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    Failure,
    FailureKind,
    GpsMode,
    Leap,
    Part,
    ProblemCode,
    Role,
    Severity,
    SourceState,
    Status,
    worst_status,
)
from ntp_checker.rules.look import HOST_KEY_CHANGED_STAGE, judge_look
from ntp_checker.rules.verdict import judge
from tests.made_samples import (
    SAMPLE,
    SOURCE,
    TRACKING,
    gps_report,
    with_failure,
    with_gps,
    with_source,
    with_tracking,
)

SERVER = DEFAULT_LIMITS[Role.SERVER]
NOT_LOOKED = [FailureKind.MISSED, FailureKind.DROPPED, FailureKind.REJECTED]
LOGIN_CODES = [
    ProblemCode.HOST_UNREACHABLE,
    ProblemCode.HOST_KEY_CHANGED,
    ProblemCode.LOGIN_REFUSED,
]


def test_look_when_healthy_then_ok_without_problems() -> None:
    verdict = judge(SAMPLE, SERVER, None)

    assert (verdict.status, verdict.problems, verdict.error_bound_s) == (Status.OK, (), 0.0)


@pytest.mark.parametrize(
    ("kind", "stage", "code", "good"),
    [
        (FailureKind.UNREACHABLE, "connect", ProblemCode.HOST_UNREACHABLE, []),
        (FailureKind.AUTH, "authenticate", ProblemCode.LOGIN_REFUSED, LOGIN_CODES[:2]),
        (
            FailureKind.HOST_KEY,
            HOST_KEY_CHANGED_STAGE,
            ProblemCode.HOST_KEY_CHANGED,
            LOGIN_CODES[:1],
        ),
        (FailureKind.HOST_KEY, "host key unknown", ProblemCode.LOGIN_REFUSED, LOGIN_CODES[:1]),
        (FailureKind.DEADLINE, "login", ProblemCode.HOST_UNREACHABLE, []),
    ],
)
def test_login_when_it_failed_then_that_code_alone_and_status_unknown(
    kind: FailureKind, stage: str, code: ProblemCode, good: list[ProblemCode]
) -> None:
    verdict = judge(with_failure(Part.LOGIN, kind, stage), SERVER, 30.0)
    (problem,) = verdict.problems

    assert verdict.status is Status.UNKNOWN
    assert verdict.error_bound_s is None
    assert (problem.code, problem.severity, problem.text) == (code, Severity.CRITICAL, "why")
    assert [j.code for j in verdict.judgements if j.severity is None] == good


@pytest.mark.parametrize("kind", NOT_LOOKED)
def test_slot_when_nobody_looked_then_unknown_and_nothing_is_judged(kind: FailureKind) -> None:
    verdict = judge(with_failure(Part.LOGIN, kind), SERVER, 30.0)

    assert (verdict.status, verdict.judgements) == (Status.UNKNOWN, ())


@pytest.mark.parametrize(
    "kind",
    [
        FailureKind.COMMAND,
        FailureKind.DEADLINE,
        FailureKind.MALFORMED,
        FailureKind.TOO_LARGE,
    ],
)
@pytest.mark.parametrize("part", [Part.TRACKING, Part.SOURCES])
def test_part_when_it_failed_then_probe_failed_names_it_and_status_is_unknown(
    part: Part, kind: FailureKind
) -> None:
    verdict = judge(with_failure(part, kind), SERVER, None)
    (problem,) = verdict.problems

    assert verdict.status is Status.UNKNOWN
    assert (problem.code, problem.subject) == (ProblemCode.PROBE_FAILED, part)
    assert (problem.severity, problem.text) == (Severity.CRITICAL, "why")


def test_part_when_tracking_failed_then_the_sources_are_still_judged() -> None:
    sample = with_failure(Part.TRACKING, FailureKind.MALFORMED)
    codes = {j.code for j in judge(sample, SERVER, None).judgements}

    assert ProblemCode.NO_SELECTED_SOURCE in codes
    assert ProblemCode.OFFSET_HIGH not in codes


def test_part_when_sources_failed_then_the_clock_is_still_judged() -> None:
    sample = with_failure(Part.SOURCES, FailureKind.MALFORMED)
    verdict = judge(sample, SERVER, None)
    codes = {j.code for j in verdict.judgements}

    assert ProblemCode.OFFSET_HIGH in codes
    assert ProblemCode.NO_SELECTED_SOURCE not in codes
    assert verdict.error_bound_s == 0.0


@pytest.mark.parametrize("parts", [[Part.TRACKING], [Part.SOURCES], [Part.TRACKING, Part.SOURCES]])
def test_chronyd_when_down_then_critical_once_and_no_look_failed(parts: list[Part]) -> None:
    down = tuple(
        Failure(part=part, kind=FailureKind.CHRONYD_DOWN, stage="ask", detail="506")
        for part in parts
    )
    sample = replace(
        SAMPLE,
        failures=down,
        tracking=None if Part.TRACKING in parts else TRACKING,
        sources=None if Part.SOURCES in parts else SAMPLE.sources,
    )
    verdict = judge(sample, SERVER, None)

    assert verdict.status is Status.CRITICAL
    assert [problem.code for problem in verdict.problems] == [ProblemCode.CHRONYD_DOWN]


def test_look_when_it_succeeded_then_everything_about_it_is_good() -> None:
    found = {(j.code, j.subject): j.severity for j in judge_look(SAMPLE)}

    assert found == {
        **{(code, ""): None for code in LOGIN_CODES},
        (ProblemCode.CHRONYD_DOWN, ""): None,
        (ProblemCode.PROBE_FAILED, "tracking"): None,
        (ProblemCode.PROBE_FAILED, "sources"): None,
    }


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ([], Status.OK),
        ([Status.OK, Status.WARNING], Status.WARNING),
        ([Status.UNKNOWN, Status.WARNING, Status.OK], Status.UNKNOWN),
        ([Status.UNKNOWN, Status.CRITICAL, Status.WARNING], Status.CRITICAL),
    ],
)
def test_statuses_when_several_then_critical_unknown_warning_ok(
    statuses: list[Status], worst: Status
) -> None:
    assert worst_status(statuses) is worst
    assert worst_status(statuses[::-1]) is worst


def test_status_when_a_leap_second_is_announced_then_ok() -> None:
    verdict = judge(with_tracking(leap=Leap.INSERT_SECOND), SERVER, None)

    assert verdict.status is Status.OK
    assert [problem.code for problem in verdict.problems] == [ProblemCode.LEAP_PENDING]


def test_status_when_a_source_lies_then_warning() -> None:
    assert judge(with_source(state=SourceState.FALSETICKER), SERVER, None).status is Status.WARNING


def test_status_when_blind_and_warned_then_unknown() -> None:
    failed = with_failure(Part.SOURCES, FailureKind.MALFORMED)
    sample = replace(failed, tracking=replace(TRACKING, system_offset_s=0.02))

    assert judge(sample, SERVER, None).status is Status.UNKNOWN


def test_status_when_blind_and_critical_then_critical() -> None:
    failed = with_failure(Part.SOURCES, FailureKind.MALFORMED)
    sample = replace(failed, tracking=replace(TRACKING, system_offset_s=0.2))

    assert judge(sample, SERVER, None).status is Status.CRITICAL


def test_status_when_the_receiver_lost_its_fix_then_critical_only_where_gps_is_expected() -> None:
    sample = with_gps(gps_report(mode=GpsMode.NO_FIX))

    assert judge(sample, SERVER, 30.0).status is Status.CRITICAL
    assert judge(sample, SERVER, None).status is Status.OK


def test_status_when_isolated_on_its_own_clock_then_ok_without_a_bound() -> None:
    sample = replace(with_tracking(refid="7F7F0101", ref_name=None), sources=())
    verdict = judge(sample, DEFAULT_LIMITS[Role.ISOLATED], None)

    assert (verdict.status, verdict.error_bound_s) == (Status.OK, None)


def test_problems_when_several_then_worst_first_and_good_ones_left_out() -> None:
    sample = replace(with_tracking(system_offset_s=0.2, leap=Leap.INSERT_SECOND), sources=(SOURCE,))
    severities = [problem.severity for problem in judge(sample, SERVER, None).problems]

    assert severities == sorted(
        severities, key=[Severity.CRITICAL, Severity.WARNING, Severity.INFO].index
    )
    assert set(severities) == {Severity.CRITICAL, Severity.WARNING, Severity.INFO}
