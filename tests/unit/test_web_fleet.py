from typing import Any

import pytest

from ntp_checker.model import Status
from ntp_checker.web.fleet import (
    HostView,
    SortKey,
    State,
    all_stale,
    count_states,
    describe_fleet,
    is_stale,
    select_hosts,
    shown_state,
)


def view(name: str, state: State = State.OK, **changes: Any) -> HostView:
    values: dict[str, Any] = {
        "name": name,
        "state": state,
        "status": Status.OK,
        "age_s": 12.0,
        "offset_s": 1e-6,
        "error_bound_s": 1e-3,
        "stratum": 2,
        "source": "192.0.2.1",
        "reach": 255,
        "gps": None,
        "gps_failed": False,
        "problems": [],
        "failures": [],
    }
    return HostView(**{**values, **changes})


@pytest.mark.parametrize(
    ("age_s", "stale"), [(89.9, False), (90.0, False), (90.1, True), (None, True)]
)
def test_sample_when_older_than_three_intervals_then_stale(
    age_s: float | None, stale: bool
) -> None:
    assert is_stale(age_s, 30.0) is stale


@pytest.mark.parametrize("status", list(Status))
def test_state_when_sample_is_stale_then_never_its_status(status: Status) -> None:
    assert shown_state(status, 91.0, 30.0) is State.STALE


def test_state_when_nobody_looked_yet_then_unknown() -> None:
    assert shown_state(Status.OK, None, 30.0) is State.UNKNOWN


def test_sentence_when_some_are_bad_then_counts_them_and_names_the_worst() -> None:
    sentence = describe_fleet(
        [
            view("a", age_s=14.0),
            view("edge-07", State.WARNING, error_bound_s=3.1e-3),
            view("c", State.UNKNOWN, error_bound_s=None),
        ]
    )

    assert sentence.verdict == "2 of 3 hosts need attention"
    assert sentence.bound.replace("\u202f", " ") == "worst error bound 3.10 ms (edge-07)"
    assert sentence.age_s == 12.0


def test_sentence_when_all_are_good_then_says_so() -> None:
    assert describe_fleet([view("a"), view("b")]).verdict == "All 2 hosts are well"


def test_sentence_when_the_worst_bound_is_stale_then_left_out() -> None:
    sentence = describe_fleet([view("old", State.STALE, error_bound_s=9.0), view("b")])

    assert "(b)" in sentence.bound


def test_hosts_when_unsorted_then_worst_first() -> None:
    hosts = [view("e"), *(view(state.value, state) for state in reversed(State))]

    chosen = select_hosts(hosts, state=None, query="", sort=SortKey.WORST)

    assert [host.state for host in chosen] == [*State, State.OK]


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (SortKey.HOST, ["a", "B", "c"]),
        (SortKey.OFFSET, ["B", "a", "c"]),
        (SortKey.BOUND, ["a", "B", "c"]),
        (SortKey.AGE, ["c", "a", "B"]),
    ],
)
def test_hosts_when_sorted_then_largest_first_and_missing_last(
    sort: SortKey, names: list[str]
) -> None:
    hosts = [
        view("c", offset_s=None, error_bound_s=None, age_s=None),
        view("a", offset_s=1e-6, error_bound_s=5e-3, age_s=20.0),
        view("B", offset_s=-2e-6, error_bound_s=1e-3, age_s=10.0),
    ]

    assert [h.name for h in select_hosts(hosts, state=None, query="", sort=sort)] == names


@pytest.mark.parametrize("query", ["edge", "EDGE", "192.0.2.9", "too far"])
def test_search_when_name_source_or_problem_matches_then_found(query: str) -> None:
    hosts = [view("other"), view("Edge", source="192.0.2.9", problems=[{"text": "too far off"}])]

    chosen = select_hosts(hosts, state=None, query=query, sort=SortKey.WORST)

    assert [host.name for host in chosen] == ["Edge"]


def test_counts_when_taken_then_every_state_is_there() -> None:
    assert count_states([view("a"), view("b", State.STALE)]) == {
        State.OK: 1,
        State.WARNING: 0,
        State.CRITICAL: 0,
        State.UNKNOWN: 0,
        State.STALE: 1,
    }


def test_fleet_when_every_sample_is_stale_then_the_checker_is_away() -> None:
    assert all_stale([view("a", State.STALE), view("b", State.UNKNOWN, age_s=None)])
    assert not all_stale([view("a", State.STALE), view("b")])


def test_reason_when_there_are_problems_then_the_first_ones_text() -> None:
    host = view("a", problems=[{"text": "first"}, {"text": "second"}])

    assert (host.reason, host.more_problems) == ("first", 1)


def test_reason_when_a_slot_was_missed_then_names_what_failed() -> None:
    failures = [{"part": "login", "kind": "missed", "detail": "nobody looked"}]
    host = view("a", State.UNKNOWN, status=Status.UNKNOWN, failures=failures)

    assert host.reason == "login: nobody looked"


def test_reason_when_a_part_failed_that_nobody_needs_then_none() -> None:
    host = view("a", failures=[{"part": "gps", "kind": "command", "detail": "no gpsd"}])

    assert host.reason == ""
