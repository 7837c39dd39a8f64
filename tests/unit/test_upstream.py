"""What a client's loss is explained by: the host that is its source."""

from datetime import timedelta

import pytest

from ntp_checker.model import Alert, AlertKey, AlertState, ProblemCode, Severity
from ntp_checker.upstream import Trouble, explanation, lost_sources
from tests.made_samples import NOW

SERVER, OTHER = "192.0.2.1", "192.0.2.2"
HOSTS_AT = {SERVER: frozenset({"ntp1"}), OTHER: frozenset({"ntp2"})}
LATER = NOW + timedelta(minutes=5)


def key(code: ProblemCode, subject: str = "", host: str = "client") -> AlertKey:
    return AlertKey(host=host, code=code, subject=subject)


def lost(address: str, state: AlertState = AlertState.PENDING) -> Alert:
    return Alert(
        key=key(ProblemCode.SOURCE_UNREACHABLE, address),
        state=state,
        severity=Severity.WARNING,
        first_bad_slot_at=LATER,
        last_slot_at=LATER,
    )


def trouble(code: ProblemCode, host: str = "ntp1") -> Trouble:
    return Trouble(host=host, code=code, first_bad_slot_at=NOW)


def explained(of: AlertKey, live: list[Alert], *troubles: Trouble) -> str | None:
    return explanation(of, LATER, lost_sources(of, live), hosts_at=HOSTS_AT, troubles=troubles)


@pytest.mark.parametrize(
    ("code", "by"),
    [
        (ProblemCode.HOST_UNREACHABLE, "explained by host_unreachable of ntp1"),
        (ProblemCode.CHRONYD_DOWN, "explained by chronyd_down of ntp1"),
        (ProblemCode.UNSYNCHRONISED, "explained by unsynchronised of ntp1"),
    ],
)
def test_lost_source_when_it_is_a_host_in_trouble_then_explained(
    code: ProblemCode, by: str
) -> None:
    assert explained(key(ProblemCode.SOURCE_UNREACHABLE, SERVER), [], trouble(code)) == by


def test_lost_source_when_its_host_is_well_then_not_explained() -> None:
    down = trouble(ProblemCode.CHRONYD_DOWN, "ntp2")

    assert explained(key(ProblemCode.SOURCE_UNREACHABLE, SERVER), [], down) is None


def test_lost_source_when_nobody_watches_it_then_not_explained() -> None:
    down = trouble(ProblemCode.CHRONYD_DOWN)

    assert explained(key(ProblemCode.SOURCE_UNREACHABLE, "203.0.113.1"), [], down) is None


@pytest.mark.parametrize(
    "code",
    [
        ProblemCode.NO_SELECTED_SOURCE,
        ProblemCode.UNSYNCHRONISED,
        ProblemCode.REFERENCE_STALE,
        ProblemCode.FEW_SOURCES,
        ProblemCode.STRATUM_HIGH,
    ],
)
def test_what_follows_when_all_lost_sources_are_explained_then_it_is_too(
    code: ProblemCode,
) -> None:
    both = (
        trouble(ProblemCode.CHRONYD_DOWN),
        trouble(ProblemCode.HOST_UNREACHABLE, "ntp2"),
    )

    assert (
        explained(key(code), [lost(SERVER), lost(OTHER)], *both)
        == "explained by chronyd_down of ntp1, host_unreachable of ntp2"
    )
    assert explained(key(code), [lost(SERVER), lost(OTHER)], both[0]) is None
    assert explained(key(code), [], *both) is None


def test_source_when_it_was_found_again_then_it_explains_nothing_more() -> None:
    closed = lost(SERVER, AlertState.CLOSED)

    assert lost_sources(key(ProblemCode.UNSYNCHRONISED), [closed]) == ()


@pytest.mark.parametrize("code", [ProblemCode.OFFSET_HIGH, ProblemCode.FALSETICKER])
def test_other_problems_when_sources_are_lost_then_they_speak_for_themselves(
    code: ProblemCode,
) -> None:
    assert explained(key(code), [lost(SERVER)], trouble(ProblemCode.CHRONYD_DOWN)) is None


def test_two_hosts_when_each_is_the_others_source_then_only_one_is_explained() -> None:
    first = Trouble(host="ntp1", code=ProblemCode.UNSYNCHRONISED, first_bad_slot_at=NOW)
    second = Trouble(host="ntp2", code=ProblemCode.UNSYNCHRONISED, first_bad_slot_at=LATER)
    troubles = (first, second)
    of_first = explanation(
        key(first.code, host="ntp1"), NOW, [OTHER], hosts_at=HOSTS_AT, troubles=troubles
    )
    of_second = explanation(
        key(second.code, host="ntp2"), LATER, [SERVER], hosts_at=HOSTS_AT, troubles=troubles
    )

    assert (of_first, of_second) == (None, "explained by unsynchronised of ntp1")


def test_host_when_it_is_its_own_source_then_it_does_not_explain_itself() -> None:
    own = key(ProblemCode.SOURCE_UNREACHABLE, SERVER, host="ntp1")

    assert explained(own, [], trouble(ProblemCode.CHRONYD_DOWN)) is None
