"""Rules on the list of sources."""

from dataclasses import replace

import pytest

from ntp_checker.model import (
    DEFAULT_LIMITS,
    Judgement,
    ProblemCode,
    Role,
    Sample,
    Severity,
    Source,
    SourceMode,
    SourceState,
)
from ntp_checker.rules.sources import judge_sources
from tests.made_samples import SAMPLE, SELECTED, SOURCE, with_source

SERVER = DEFAULT_LIMITS[Role.SERVER]
ISOLATED = DEFAULT_LIMITS[Role.ISOLATED]


def find(sample: Sample, code: ProblemCode, subject: str = "") -> Judgement | None:
    found = [j for j in judge_sources(sample, SERVER) if (j.code, j.subject) == (code, subject)]
    assert len(found) <= 1
    return found[0] if found else None


def severity_of(sample: Sample, code: ProblemCode, subject: str = "") -> Severity | None:
    judgement = find(sample, code, subject)
    assert judgement is not None
    return judgement.severity


def with_sources(*sources: Source) -> Sample:
    return replace(SAMPLE, sources=sources)


def test_sources_when_healthy_then_every_rule_finds_them_good() -> None:
    judgements = list(judge_sources(SAMPLE, SERVER))

    assert {j.severity for j in judgements} == {None}
    assert {(j.code, j.subject) for j in judgements} == {
        (ProblemCode.NO_SOURCES, ""),
        (ProblemCode.NO_SELECTED_SOURCE, ""),
        (ProblemCode.FEW_SOURCES, ""),
        *(
            (code, f"192.0.2.{number}")
            for number in (1, 2, 3)
            for code in (
                ProblemCode.SOURCE_UNREACHABLE,
                ProblemCode.FALSETICKER,
                ProblemCode.SOURCE_JITTERY,
            )
        ),
    }


def test_sources_when_none_is_configured_then_critical_and_no_selection_is_judged() -> None:
    sample = with_sources()

    assert severity_of(sample, ProblemCode.NO_SOURCES) is Severity.CRITICAL
    assert find(sample, ProblemCode.NO_SELECTED_SOURCE) is None


def test_sources_when_isolated_and_none_then_nothing_is_judged() -> None:
    assert list(judge_sources(with_sources(), ISOLATED)) == []


def test_sources_when_the_list_could_not_be_had_then_nothing_is_judged() -> None:
    assert list(judge_sources(replace(SAMPLE, sources=None), SERVER)) == []


@pytest.mark.parametrize("state", [s for s in SourceState if s is not SourceState.SELECTED])
def test_selection_when_no_source_is_selected_then_critical(state: SourceState) -> None:
    sample = with_sources(replace(SOURCE, state=state))

    assert severity_of(sample, ProblemCode.NO_SOURCES) is None
    assert severity_of(sample, ProblemCode.NO_SELECTED_SOURCE) is Severity.CRITICAL


@pytest.mark.parametrize(
    ("others", "severity"), [(0, Severity.WARNING), (1, Severity.WARNING), (2, None), (3, None)]
)
@pytest.mark.parametrize("state", [SourceState.COMBINED, SourceState.SELECTABLE])
def test_usable_sources_when_fewer_than_3_then_warning(
    others: int, severity: Severity | None, state: SourceState
) -> None:
    sample = with_sources(SELECTED, *[replace(SOURCE, state=state)] * others)
    (judgement,) = [j for j in judge_sources(sample, SERVER) if j.code is ProblemCode.FEW_SOURCES]

    assert (judgement.severity, judgement.value, judgement.limit) == (severity, 1 + others, 3)


@pytest.mark.parametrize(
    "state", [SourceState.UNUSABLE, SourceState.FALSETICKER, SourceState.JITTERY]
)
def test_usable_sources_when_a_third_cannot_be_used_then_warning(state: SourceState) -> None:
    sample = with_source(state=state)

    assert severity_of(sample, ProblemCode.FEW_SOURCES) is Severity.WARNING


def test_usable_sources_when_a_refclock_is_selected_then_good_with_nothing_counted() -> None:
    refclock = replace(SELECTED, mode=SourceMode.REFCLOCK, address="PPS")
    found = find(with_sources(refclock), ProblemCode.FEW_SOURCES)

    assert found is not None
    assert (found.severity, found.value, found.limit) == (None, None, None)
    assert found.text == "reference clock PPS is selected, which needs no others"


def test_usable_sources_when_a_refclock_is_not_selected_then_judged() -> None:
    sample = with_sources(SELECTED, replace(SOURCE, mode=SourceMode.REFCLOCK))

    assert severity_of(sample, ProblemCode.FEW_SOURCES) is Severity.WARNING


@pytest.mark.parametrize("reach", [0o1, 0o3, 0o7, 0o17, 0o37, 0o77, 0o177])
def test_reach_when_it_may_be_starting_then_not_judged(reach: int) -> None:
    assert find(with_source(reach=reach), ProblemCode.SOURCE_UNREACHABLE, "192.0.2.2") is None


@pytest.mark.parametrize(
    ("reach", "severity"),
    [
        (0o377, None),
        (0o176, None),  # six of eight
        (0o374, None),
        (0o370, Severity.WARNING),  # five of eight
        (0o76, Severity.WARNING),
        (0o2, Severity.WARNING),
        (0o200, Severity.WARNING),
    ],
)
def test_reach_when_fewer_than_6_of_8_then_warning(reach: int, severity: Severity | None) -> None:
    sample = with_source(reach=reach)

    assert severity_of(sample, ProblemCode.SOURCE_UNREACHABLE, "192.0.2.2") is severity


@pytest.mark.parametrize("last_rx_s", [None, 3, 100_000])
def test_reach_when_zero_then_always_judged(last_rx_s: int | None) -> None:
    sample = with_source(reach=0, last_rx_s=last_rx_s, state=SourceState.UNUSABLE)
    judgement = find(sample, ProblemCode.SOURCE_UNREACHABLE, "192.0.2.2")

    assert judgement is not None
    assert judgement.severity is Severity.WARNING
    assert judgement.text == "source 192.0.2.2 answered 0 of the last 8 polls"


@pytest.mark.parametrize(
    ("state", "falseticker", "jittery"),
    [
        (SourceState.FALSETICKER, Severity.WARNING, None),
        (SourceState.JITTERY, None, Severity.WARNING),
        (SourceState.SELECTED, None, None),
        (SourceState.COMBINED, None, None),
        (SourceState.SELECTABLE, None, None),
    ],
)
def test_state_when_chronyd_complains_then_warning(
    state: SourceState, falseticker: Severity | None, jittery: Severity | None
) -> None:
    sample = with_source(state=state)

    assert severity_of(sample, ProblemCode.FALSETICKER, "192.0.2.2") is falseticker
    assert severity_of(sample, ProblemCode.SOURCE_JITTERY, "192.0.2.2") is jittery


def test_state_when_unusable_then_its_time_is_not_judged() -> None:
    sample = with_source(state=SourceState.UNUSABLE)

    assert find(sample, ProblemCode.FALSETICKER, "192.0.2.2") is None
    assert find(sample, ProblemCode.SOURCE_JITTERY, "192.0.2.2") is None
