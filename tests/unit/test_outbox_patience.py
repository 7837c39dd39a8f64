"""How long a message is left to its own channel."""

from dataclasses import replace

import pytest

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.model import Due
from ntp_checker.outbox.patience import Breaks, Patience, is_long_away, retry_delay_s
from tests.stored_alerts import alert, transition

DUE = Due(
    channel="mail",
    group_key="",
    attempts=1,
    group=None,
    transition=transition(alert()),
    alert=alert(),
)


def is_over(
    next_at_s: float, due: Due = DUE, *, refused_since_s: float | None = None, now_s: float = 1_000
) -> bool:
    patience = Patience()
    patience.note_failed([due], 1_000.0)
    return patience.is_over([due], next_at_s, refused_since_s, now_s)


@pytest.mark.parametrize(("next_at_s", "expected"), [(1_059.9, False), (1_060.0, True)])
def test_patience_when_the_next_attempt_is_a_minute_after_the_first_failure_then_over(
    next_at_s: float, expected: bool
) -> None:
    assert is_over(next_at_s) is expected


@pytest.mark.parametrize(("since_s", "expected"), [(None, False), (940.1, False), (940.0, True)])
def test_patience_when_the_channel_has_taken_nothing_for_a_minute_then_over_at_once(
    since_s: float | None, expected: bool
) -> None:
    assert is_over(1_001.0, refused_since_s=since_s) is expected


@pytest.mark.parametrize(("attempts", "expected"), [(1, False), (2, True)])
def test_patience_when_an_earlier_run_tried_it_then_its_time_counts(
    attempts: int, expected: bool
) -> None:
    assert is_over(1_010.0, replace(DUE, attempts=attempts, due_for_s=55.0)) is expected


def test_patience_when_it_was_settled_then_begins_anew() -> None:
    patience = Patience()
    patience.note_failed([DUE], 1_000.0)
    patience.note_settled([DUE])
    patience.note_failed([DUE], 1_050.0)

    assert not patience.is_over([DUE], 1_070.0, None, 1_050.0)


def test_channel_when_its_break_ends_after_its_minute_then_long_away() -> None:
    assert not is_long_away(None, 1_000.0)
    assert not is_long_away(1_000.0, 1_059.9)
    assert is_long_away(1_000.0, 1_060.0)


def test_break_when_the_provider_names_one_then_it_is_kept_to() -> None:
    breaks = Breaks()
    breaks.take(SendError("", SendErrorKind.RETRY, retry_after_s=3_600), 10.0)

    assert breaks.free_at_s == 3_610.0


def test_break_when_the_trouble_is_the_messages_then_none() -> None:
    breaks = Breaks()
    breaks.take(SendError("", SendErrorKind.PERMANENT), 10.0)

    assert breaks.free_at_s == 0.0


def test_delay_when_a_person_must_act_then_five_minutes() -> None:
    assert retry_delay_s(SendError("", SendErrorKind.NEXT_CHANNEL), 1) == 300.0
