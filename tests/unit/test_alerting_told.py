"""What is told of an open alert: worse, better, again, and who has it."""

from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.model import (
    Acknowledgement,
    AlertPolicy,
    ProblemCode,
    Severity,
    TransitionKind,
)
from ntp_checker.transitions import acknowledge, give_back
from tests.made_alerts import (
    BETWEEN_S,
    CRITICAL_S,
    GOOD_S,
    INTERVAL,
    OFFSET,
    WARNING_S,
    WatchedHost,
    offset,
    state,
)
from tests.made_samples import NOW

OPENED, RESOLVED = TransitionKind.OPENED, TransitionKind.RESOLVED
WORSENED, EASED = TransitionKind.WORSENED, TransitionKind.EASED
REMINDED = TransitionKind.REMINDED


def test_acknowledge_when_open_then_next_ordinal() -> None:
    taken = Acknowledgement(by="ada", at=NOW)
    alert, transition = acknowledge(WatchedHost().opened().alert, taken)

    assert (transition.kind, transition.ordinal) == (TransitionKind.ACKNOWLEDGED, 2)
    assert (alert.acknowledgement, alert.last_ordinal) == (taken, 2)


@pytest.mark.parametrize(
    ("until_at", "note", "reason"),
    [
        (None, "", "taken on by ada"),
        (None, "antenna", "taken on by ada: antenna"),
        (
            datetime(2026, 3, 4, 18, 30, tzinfo=UTC),
            "antenna",
            "taken on by ada until 2026-03-04 18:30 UTC: antenna",
        ),
    ],
)
def test_acknowledge_when_made_then_reason_says_who_and_why(
    until_at: datetime | None, note: str, reason: str
) -> None:
    taken = Acknowledgement(by="ada", at=NOW, until_at=until_at, note=note)

    assert acknowledge(WatchedHost().opened().alert, taken)[1].reason == reason


@pytest.mark.parametrize("sizes_s", [(WARNING_S,), (*[WARNING_S] * 3, GOOD_S, GOOD_S)])
def test_acknowledge_when_not_open_then_refused(sizes_s: tuple[float, ...]) -> None:
    host = WatchedHost().offsets(*sizes_s)
    (alert,) = (*host.live.values(), *host.recent.values())

    with pytest.raises(ValueError, match="only an open alert"):
        acknowledge(alert, Acknowledgement(by="ada", at=NOW))


def with_acknowledgement(host: WatchedHost, until_at: datetime | None = None) -> WatchedHost:
    taken = Acknowledgement(by="ada", at=host.at, until_at=until_at)
    host.live[OFFSET], _ = acknowledge(host.alert, taken)
    return host


def test_alert_when_it_turns_critical_then_worsened_at_once() -> None:
    assert WatchedHost().opened().offsets(CRITICAL_S).told == [OPENED, WORSENED]


def test_alert_when_it_stays_critical_then_told_once() -> None:
    assert WatchedHost().opened().offsets(*[CRITICAL_S] * 5).told == [OPENED, WORSENED]


def test_worsening_when_told_then_says_the_critical_limit() -> None:
    worsening = WatchedHost().opened().offsets(CRITICAL_S).transitions[-1]

    assert worsening.reason == "now critical: clock is 60 ms ahead, limit 50 ms"
    assert (worsening.severity, worsening.limit) == (Severity.CRITICAL, 0.050)


def test_worsening_when_acknowledged_then_acknowledgement_is_over() -> None:
    host = with_acknowledgement(WatchedHost().opened()).offsets(CRITICAL_S)

    assert host.alert.acknowledgement is None


@pytest.mark.parametrize(
    ("size_s", "eases"),
    [(0.039, True), (0.8 * 0.050, True), (0.0401, False), (0.050, False)],
)
def test_critical_alert_when_clear_of_its_limit_then_eases(size_s: float, eases: bool) -> None:
    host = WatchedHost().opened(CRITICAL_S).offsets(*[size_s] * 5)

    assert (host.told == [OPENED, EASED]) is eases


@pytest.mark.parametrize(("looks", "eases"), [(1, False), (2, True), (3, True)])
def test_critical_alert_when_a_warning_for_m_looks_then_eases(looks: int, eases: bool) -> None:
    host = WatchedHost().opened(CRITICAL_S).offsets(*[WARNING_S] * looks)

    assert (host.alert.severity is Severity.WARNING) is eases


@pytest.mark.parametrize("other_s", [CRITICAL_S, 0.045, BETWEEN_S, GOOD_S])
def test_easing_when_interrupted_then_counting_starts_again(other_s: float) -> None:
    host = WatchedHost().opened(CRITICAL_S).offsets(WARNING_S, other_s, WARNING_S)

    assert host.told == [OPENED]


def test_closing_when_warnings_went_before_then_needs_its_own_looks() -> None:
    host = WatchedHost().opened(CRITICAL_S).offsets(WARNING_S, GOOD_S)

    assert host.told == [OPENED]


def test_easing_when_told_then_says_the_warning_limit() -> None:
    easing = WatchedHost().opened(CRITICAL_S).offsets(WARNING_S, WARNING_S).transitions[-1]

    assert easing.reason == "no longer critical: clock is 20 ms ahead, limit 10 ms"
    assert (easing.severity, easing.limit) == (Severity.WARNING, 0.010)


def test_eased_alert_when_critical_again_then_worsened_again() -> None:
    host = WatchedHost().opened(CRITICAL_S).offsets(WARNING_S, WARNING_S, CRITICAL_S)

    assert host.told == [OPENED, EASED, WORSENED]


def test_critical_state_when_a_warning_for_m_looks_then_eases() -> None:
    host = WatchedHost(AlertPolicy(bad_looks=1))
    for severity in (Severity.CRITICAL, Severity.WARNING, Severity.WARNING):
        host.look(state(ProblemCode.GPS_SILENT, severity))

    assert host.told == [OPENED, EASED]


def test_easing_when_acknowledged_then_quiet() -> None:
    host = with_acknowledgement(WatchedHost().opened(CRITICAL_S)).offsets(WARNING_S, WARNING_S)

    assert (host.transitions[-1].kind, host.transitions[-1].is_quiet) == (EASED, True)


def test_closing_when_acknowledged_then_told() -> None:
    host = with_acknowledgement(WatchedHost().opened()).offsets(GOOD_S, GOOD_S)

    assert host.told == [OPENED, RESOLVED]


A_SECOND = timedelta(seconds=1)
FOUR_HOURS = timedelta(hours=4)


@pytest.mark.parametrize(
    ("after", "reminds"),
    [(FOUR_HOURS - A_SECOND, False), (FOUR_HOURS, True), (FOUR_HOURS + A_SECOND, True)],
)
def test_open_alert_when_it_is_time_then_reminded(after: timedelta, reminds: bool) -> None:
    host = WatchedHost().opened()
    host.look(offset(WARNING_S), after=after)

    assert (host.told == [OPENED, REMINDED]) is reminds


@pytest.mark.parametrize(("after", "reminds"), [(FOUR_HOURS - A_SECOND, False), (FOUR_HOURS, True)])
def test_open_alert_when_nobody_looks_then_reminded_all_the_same(
    after: timedelta, reminds: bool
) -> None:
    host = WatchedHost().opened()
    host.miss(after=after)

    assert (host.told == [OPENED, REMINDED]) is reminds


def test_reminder_when_made_then_next_one_is_counted_from_it() -> None:
    host = WatchedHost().opened()
    for after in (FOUR_HOURS + INTERVAL, FOUR_HOURS - A_SECOND, A_SECOND):
        host.look(offset(WARNING_S), after=after)

    assert host.told == [OPENED, REMINDED, REMINDED]
    assert host.transitions[-1].slot_at - host.transitions[-2].slot_at == FOUR_HOURS


def test_reminder_when_alert_worsened_then_counted_from_that() -> None:
    host = WatchedHost().opened()
    host.look(offset(CRITICAL_S), after=timedelta(hours=3))
    host.look(offset(CRITICAL_S), after=timedelta(hours=3))

    assert host.told == [OPENED, WORSENED]


@pytest.mark.parametrize("size_s", [BETWEEN_S, GOOD_S, WARNING_S])
def test_reminder_when_look_does_not_close_then_made(size_s: float) -> None:
    host = WatchedHost().opened()
    host.look(offset(size_s), after=FOUR_HOURS)

    assert host.told == [OPENED, REMINDED]


def test_reminder_when_look_closes_then_not_made() -> None:
    host = WatchedHost().opened().offsets(GOOD_S)
    host.look(offset(GOOD_S), after=FOUR_HOURS)

    assert host.told == [OPENED, RESOLVED]


def test_pending_when_it_is_time_then_not_reminded() -> None:
    host = WatchedHost().offsets(WARNING_S)
    host.miss(after=FOUR_HOURS)

    assert host.transitions == []


@pytest.mark.parametrize("after", [timedelta(), -A_SECOND, -FOUR_HOURS])
def test_reminder_when_slot_is_not_past_the_last_then_not_made(after: timedelta) -> None:
    host = WatchedHost(AlertPolicy(remind_every=timedelta())).opened()
    host.miss(after=after)

    assert host.told == [OPENED]


def test_alert_when_acknowledged_without_end_then_not_reminded() -> None:
    host = with_acknowledgement(WatchedHost().opened())
    host.miss(after=10 * FOUR_HOURS)

    assert host.told == [OPENED]


def test_alert_when_given_back_then_reminded() -> None:
    host = with_acknowledgement(WatchedHost().opened())
    host.live[OFFSET], _ = give_back(host.alert, "bob", host.at + A_SECOND)
    host.miss(after=FOUR_HOURS)

    assert host.told == [OPENED, REMINDED]


def test_give_back_when_somebody_has_it_then_reason_says_who_did_it() -> None:
    host = with_acknowledgement(WatchedHost().opened())

    transition = give_back(host.alert, "bob", host.at + A_SECOND)[1]

    assert (transition.kind, transition.ordinal) == (TransitionKind.ACKNOWLEDGED, 3)
    assert transition.reason == "given back by bob, reminders go on"


@pytest.mark.parametrize("until_s", [None, 60.0])
def test_give_back_when_nobody_has_it_then_refused(until_s: float | None) -> None:
    host = WatchedHost().opened()
    at = host.at + timedelta(minutes=1)
    if until_s is not None:
        with_acknowledgement(host, host.at + timedelta(seconds=until_s))

    with pytest.raises(ValueError, match="nobody has offset_high"):
        give_back(host.alert, "bob", at)


@pytest.mark.parametrize(("after_end", "reminds"), [(-A_SECOND, False), (timedelta(), True)])
def test_alert_when_acknowledgement_is_over_then_reminded(
    after_end: timedelta, reminds: bool
) -> None:
    host = WatchedHost().opened()
    until_at = host.at + 2 * FOUR_HOURS
    with_acknowledgement(host, until_at)
    host.miss(after=2 * FOUR_HOURS + after_end)

    assert (host.told == [OPENED, REMINDED]) is reminds


@pytest.mark.parametrize(
    ("size_s", "reason"),
    [
        (CRITICAL_S, "still open: clock is 60 ms ahead, limit 50 ms"),
        (BETWEEN_S, "still open, though better just now: clock is 9 ms ahead, limit 10 ms"),
        (None, "still open, and nothing newer is known: clock is 60 ms ahead, limit 50 ms"),
    ],
)
def test_reminder_when_made_then_says_what_is_known(size_s: float | None, reason: str) -> None:
    host = WatchedHost().opened(CRITICAL_S)
    host.look(*([] if size_s is None else [offset(size_s)]), after=FOUR_HOURS)

    assert host.transitions[-1].reason == reason
