"""When a problem becomes an alert, and when it is over."""

from dataclasses import replace

import pytest

from ntp_checker.alerting import Advance
from ntp_checker.model import (
    AlertPolicy,
    AlertState,
    Failure,
    FailureKind,
    Judgement,
    Part,
    ProblemCode,
    Severity,
    TransitionKind,
)
from tests.made_alerts import (
    BETWEEN_S,
    CRITICAL_S,
    GOOD_S,
    INTERVAL,
    WARNING_S,
    WatchedHost,
    count,
    judged,
    offset,
    state,
)
from tests.made_samples import NOW, SAMPLE, with_failure

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED
ONE_LOOK = AlertPolicy(bad_looks=1)
RECEIVER = "/dev/ttyS0"


@pytest.mark.parametrize(
    ("looks", "told"), [(1, []), (2, []), (3, [OPENED]), (4, [OPENED]), (9, [OPENED])]
)
def test_alert_when_bad_for_n_looks_then_opens_once(looks: int, told: list[TransitionKind]) -> None:
    assert WatchedHost().offsets(*[WARNING_S] * looks).told == told


def test_alert_when_opened_then_began_with_first_bad_slot() -> None:
    host = WatchedHost().opened()

    assert host.alert.first_bad_slot_at == NOW + INTERVAL


def test_opening_when_told_then_says_value_and_limit() -> None:
    opening = WatchedHost().opened().transitions[0]

    assert opening.reason == "clock is 20 ms ahead, limit 10 ms"
    assert (opening.value, opening.limit, opening.unit) == (0.020, 0.010, "s")


@pytest.mark.parametrize("good_s", [GOOD_S, BETWEEN_S])
def test_pending_when_a_good_look_comes_then_counting_starts_again(good_s: float) -> None:
    host = WatchedHost().offsets(WARNING_S, WARNING_S, good_s, WARNING_S, WARNING_S)

    assert host.told == []


def test_pending_when_it_ends_then_closed_and_never_opened() -> None:
    host = WatchedHost().offsets(WARNING_S)
    (alert,) = host.look(offset(GOOD_S)).alerts

    assert (alert.state, alert.opened_at) == (AlertState.CLOSED, None)


def test_pending_when_it_ends_then_neither_live_nor_recent() -> None:
    host = WatchedHost().offsets(WARNING_S, GOOD_S)

    assert (host.live, host.recent) == ({}, {})


def test_host_key_when_changed_once_then_opens() -> None:
    host = WatchedHost()
    host.look(state(ProblemCode.HOST_KEY_CHANGED, Severity.CRITICAL))

    assert host.told == [OPENED]


@pytest.mark.parametrize("looks", [1, 10])
def test_info_when_seen_then_no_alert(looks: int) -> None:
    host = WatchedHost()
    made = [host.look(state(ProblemCode.LEAP_PENDING, Severity.INFO)) for _ in range(looks)]

    assert made == [Advance()] * looks


@pytest.mark.parametrize(
    ("size_s", "closes"),
    [
        (0.0, True),
        (0.0079999, True),
        (0.8 * 0.010, True),
        (0.0080001, False),
        (0.010, False),
        (0.0100001, False),
    ],
)
def test_quantity_when_at_its_clear_limit_then_closes(size_s: float, closes: bool) -> None:
    host = WatchedHost().opened().offsets(size_s, size_s)

    assert (host.live == {}) is closes


@pytest.mark.parametrize(("looks", "closes"), [(1, False), (2, True), (3, True)])
def test_alert_when_good_for_m_looks_then_closes(looks: int, closes: bool) -> None:
    host = WatchedHost().opened().offsets(*[GOOD_S] * looks)

    assert (host.told == [OPENED, RESOLVED]) is closes


@pytest.mark.parametrize("other_s", [BETWEEN_S, WARNING_S, CRITICAL_S])
def test_closing_when_interrupted_then_counting_starts_again(other_s: float) -> None:
    host = WatchedHost().opened(CRITICAL_S).offsets(GOOD_S, other_s, GOOD_S)

    assert host.told == [OPENED]


def test_closing_when_told_then_says_what_is_good_now() -> None:
    closing = WatchedHost().opened().offsets(GOOD_S, GOOD_S).transitions[-1]

    assert closing.reason == "good again: clock is 1 ms ahead, limit 10 ms"
    assert (closing.value, closing.limit) == (0.001, 0.010)


@pytest.mark.parametrize(
    ("lag_s", "limit_s", "closes"),
    [(0.8, 1.0, True), (0.81, 1.0, False), (-0.08, -0.1, True), (-0.081, -0.1, False)],
)
def test_two_sided_quantity_when_at_a_clear_limit_then_closes(
    lag_s: float, limit_s: float, closes: bool
) -> None:
    wrong = Judgement(
        code=ProblemCode.GPS_TIME_WRONG,
        subject=RECEIVER,
        value=5.0,
        limit=1.0,
        unit="s",
        severity=Severity.CRITICAL,
    )
    host = WatchedHost(ONE_LOOK)
    host.look(wrong)
    for _ in range(2):
        host.look(replace(wrong, value=lag_s, limit=limit_s, severity=None))

    assert (host.live == {}) is closes


@pytest.mark.parametrize(("found", "closes"), [(2, False), (3, True), (4, True)])
def test_count_when_at_its_limit_then_closes(found: int, closes: bool) -> None:
    host = WatchedHost(ONE_LOOK)
    for number in (1, found, found):
        host.look(count(ProblemCode.FEW_SOURCES, number, 3))

    assert (host.live == {}) is closes


def test_state_when_good_twice_then_closes() -> None:
    host = WatchedHost(ONE_LOOK)
    for severity in (Severity.CRITICAL, None, None):
        host.look(state(ProblemCode.UNSYNCHRONISED, severity))

    assert host.told == [OPENED, RESOLVED]


@pytest.mark.parametrize("looks", [1, 50])
def test_open_alert_when_part_has_no_data_then_nothing_changes(looks: int) -> None:
    host = WatchedHost().opened().offsets(GOOD_S)
    before = host.alert
    for _ in range(looks):
        host.look(sample=with_failure(Part.LOGIN, FailureKind.UNREACHABLE))

    assert host.alert == before


def test_pending_when_part_has_no_data_then_counting_goes_on() -> None:
    host = WatchedHost().offsets(WARNING_S, WARNING_S)
    host.look()
    host.offsets(WARNING_S)

    assert host.told == [OPENED]


@pytest.mark.parametrize("kind", [FailureKind.MISSED, FailureKind.DROPPED, FailureKind.REJECTED])
def test_slot_nobody_looked_at_when_it_has_judgements_then_nothing_changes(
    kind: FailureKind,
) -> None:
    host = WatchedHost().offsets(WARNING_S, WARNING_S)
    failure = Failure(part=Part.LOGIN, kind=kind, stage="store", detail="why")
    made = host.look(offset(WARNING_S), sample=replace(SAMPLE, failures=(failure,)))

    assert made == Advance()


@pytest.mark.parametrize("slots_back", [0, 1, 3])
def test_live_alert_when_slot_is_not_past_its_last_then_nothing_changes(slots_back: int) -> None:
    host = WatchedHost().opened()
    made = host.take(judged(host.at - slots_back * INTERVAL, offset(CRITICAL_S)))

    assert made == Advance()


@pytest.mark.parametrize("slots_back", [0, 1])
def test_closed_alert_when_an_old_bad_slot_comes_then_nothing_begins(slots_back: int) -> None:
    host = WatchedHost().opened().offsets(GOOD_S, GOOD_S)
    made = host.take(judged(host.at - slots_back * INTERVAL, offset(CRITICAL_S)))

    assert made == Advance()


def test_alert_when_reopened_then_another_one() -> None:
    host = WatchedHost().opened().offsets(GOOD_S, GOOD_S).opened()

    assert host.alert.first_bad_slot_at == NOW + 6 * INTERVAL
    assert host.alert.last_ordinal == 1


def test_two_findings_when_of_one_key_then_the_bad_one_counts() -> None:
    host = WatchedHost()
    for _ in range(3):
        bad, good = (
            count(ProblemCode.SOURCE_UNREACHABLE, polls, 6, subject="GPS") for polls in (0, 8)
        )
        host.look(good, bad, good)

    assert host.told == [OPENED]


@pytest.mark.parametrize(
    ("sizes_s", "peak_s"),
    [
        ((WARNING_S, CRITICAL_S, WARNING_S), CRITICAL_S),
        ((WARNING_S, 0.030, 0.040, GOOD_S), 0.040),
    ],
)
def test_peak_when_too_high_then_the_highest(sizes_s: tuple[float, ...], peak_s: float) -> None:
    host = WatchedHost(ONE_LOOK).offsets(*sizes_s)

    assert host.alert.peak_value == peak_s


def test_peak_when_too_low_then_the_lowest() -> None:
    host = WatchedHost(ONE_LOOK)
    for found in (2, 0, 1):
        host.look(count(ProblemCode.FEW_SOURCES, found, 3))
    (alert,) = host.live.values()

    assert alert.peak_value == 0
