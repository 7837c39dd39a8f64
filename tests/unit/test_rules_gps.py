"""Rules on GPS receivers."""

from dataclasses import replace

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    Failure,
    FailureKind,
    GpsMode,
    Judgement,
    Limits,
    Part,
    ProblemCode,
    Role,
    Sample,
    Severity,
    Status,
)
from ntp_checker.rules.gps import judge_gps
from ntp_checker.rules.verdict import judge
from tests.made_samples import SAMPLE, gps_report, with_failure, with_gps

SERVER = DEFAULT_LIMITS[Role.SERVER]
GPS_SERVER = DEFAULT_LIMITS[Role.GPS_SERVER]
INTERVAL_S = 30.0


def judgements_on(sample: Sample, limits: Limits = SERVER) -> dict[tuple[str, str], Judgement]:
    judgements = list(judge_gps(sample, limits, INTERVAL_S))
    named = {(j.code.value, j.subject): j for j in judgements}
    assert len(named) == len(judgements)
    return named


def severities(sample: Sample, limits: Limits = SERVER) -> dict[tuple[str, str], Severity | None]:
    return {key: j.severity for key, j in judgements_on(sample, limits).items()}


def failure(kind: FailureKind) -> Failure:
    return Failure(part=Part.GPS, kind=kind, stage="run", detail="gpsd says nothing")


DEVICE = "/dev/ttyS0"
ALL_GOOD = {
    ("gps_unavailable", ""): None,
    ("probe_failed", "gps"): None,
    ("gps_silent", ""): None,
    ("gps_no_fix", DEVICE): None,
    ("gps_2d_fix", DEVICE): None,
    ("gps_few_satellites", DEVICE): None,
}


def test_gps_when_healthy_then_every_rule_finds_it_good() -> None:
    assert severities(with_gps(gps_report())) == ALL_GOOD


@pytest.mark.parametrize("mode", [GpsMode.UNKNOWN, GpsMode.NO_FIX])
def test_fix_when_there_is_none_then_critical_and_nothing_of_it_is_judged(mode: GpsMode) -> None:
    found = severities(with_gps(gps_report(mode=mode, satellites_used=0)))

    assert found[("gps_no_fix", DEVICE)] is Severity.CRITICAL
    assert ("gps_2d_fix", DEVICE) not in found
    assert ("gps_few_satellites", DEVICE) not in found


def test_fix_when_2d_then_warning() -> None:
    found = severities(with_gps(gps_report(mode=GpsMode.FIX_2D)))

    assert found == ALL_GOOD | {("gps_2d_fix", DEVICE): Severity.WARNING}


@pytest.mark.parametrize(
    ("used", "severity"), [(0, Severity.WARNING), (3, Severity.WARNING), (4, None), (5, None)]
)
def test_satellites_when_fewer_than_4_are_used_then_warning(
    used: int, severity: Severity | None
) -> None:
    found = severities(with_gps(gps_report(satellites_used=used)))

    assert found[("gps_few_satellites", DEVICE)] is severity


def test_satellites_when_not_reported_then_not_judged() -> None:
    found = severities(with_gps(gps_report(satellites_used=None)))

    assert ("gps_few_satellites", DEVICE) not in found


def test_receivers_when_several_then_each_is_judged_by_name() -> None:
    found = severities(
        with_gps(gps_report("a"), gps_report("b", mode=GpsMode.NO_FIX, satellites_used=None))
    )

    assert found[("gps_no_fix", "a")] is None
    assert found[("gps_no_fix", "b")] is Severity.CRITICAL


@pytest.mark.parametrize(
    ("limits", "severity"), [(SERVER, Severity.WARNING), (GPS_SERVER, Severity.CRITICAL)]
)
@pytest.mark.parametrize("failed", [None, failure(FailureKind.DEADLINE)])
@pytest.mark.parametrize(("age_s", "is_silent"), [(0.0, False), (60.0, False), (60.001, True)])
def test_report_when_older_than_2_intervals_then_silent(
    age_s: float, is_silent: bool, failed: Failure | None, limits: Limits, severity: Severity
) -> None:
    found = severities(with_gps(gps_report(age_s=age_s), failure=failed), limits)

    if is_silent:
        assert found == {("gps_unavailable", ""): None, ("gps_silent", ""): severity}
    else:
        assert found == ALL_GOOD


@pytest.mark.parametrize(
    ("limits", "severity"), [(SERVER, Severity.WARNING), (GPS_SERVER, Severity.CRITICAL)]
)
def test_receiver_when_never_heard_and_a_read_came_to_nothing_then_silent(
    limits: Limits, severity: Severity
) -> None:
    found = severities(with_gps(failure=failure(FailureKind.DEADLINE)), limits)

    assert found == {("gps_unavailable", ""): None, ("gps_silent", ""): severity}


@pytest.mark.parametrize(
    ("limits", "severity"), [(SERVER, Severity.WARNING), (GPS_SERVER, Severity.CRITICAL)]
)
@pytest.mark.parametrize("reports", [(), (gps_report(),)])
def test_gpspipe_when_it_cannot_be_had_then_unavailable_alone(
    reports: tuple[object, ...], limits: Limits, severity: Severity
) -> None:
    sample = with_gps(*reports, failure=failure(FailureKind.COMMAND))  # type: ignore[arg-type]  # reports

    assert severities(sample, limits) == {("gps_unavailable", ""): severity}


@pytest.mark.parametrize("kind", [FailureKind.MALFORMED, FailureKind.TOO_LARGE])
def test_report_when_it_cannot_be_read_then_the_look_failed_and_status_is_unknown(
    kind: FailureKind,
) -> None:
    (judgement,) = judgements_on(with_gps(gps_report(), failure=failure(kind))).values()

    assert (judgement.code, judgement.subject) == (ProblemCode.PROBE_FAILED, "gps")
    assert (judgement.severity, judgement.status) == (Severity.CRITICAL, Status.UNKNOWN)


def test_gps_when_the_first_report_is_still_to_come_then_nothing_is_judged() -> None:
    assert severities(SAMPLE) == {}


def test_gps_when_nobody_could_log_in_then_nothing_is_judged() -> None:
    unreached = with_failure(Part.LOGIN, FailureKind.UNREACHABLE)
    old = replace(unreached, gps=gps_report(age_s=900.0))

    assert severities(old) == {}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_gps_when_the_host_is_not_known_to_have_it_then_no_failure_counts(
    kind: FailureKind,
) -> None:
    verdict = judge(with_gps(failure=failure(kind)), SERVER, None)

    assert verdict.status is Status.OK
    assert verdict.problems == ()
