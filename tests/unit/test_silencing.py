"""What a silence must say before it is one."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ntp_checker.errors import ActionRefused
from ntp_checker.model import NewSilence, ProblemCode
from ntp_checker.silencing import check_silence
from tests.made_samples import NOW

SILENCE = NewSilence(
    starts_at=NOW,
    ends_at=NOW + timedelta(hours=2),
    reason="new antenna",
    created_by="ada",
    host="gps1",
)


def begun(days: int) -> dict[str, datetime]:
    """So long ago, for two hours."""
    starts_at = NOW - timedelta(days=days)
    return {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2)}


WEEKLY: dict[str, Any] = {"recurrence": "FREQ=WEEKLY;COUNT=4", "time_zone": "Europe/Zurich"}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"host": None, "group": "roof"},
        {"host": None, "code": ProblemCode.OFFSET_HIGH, "subject": "192.0.2.1"},
        {"host": None, "is_for_everything": True},
        {"ends_at": NOW + timedelta(days=366)},
        WEEKLY,
        # The first is past, the others are to come.
        {**WEEKLY, "starts_at": NOW - timedelta(days=1), "ends_at": NOW - timedelta(hours=23)},
    ],
)
def test_silence_when_it_says_all_then_taken(changed: dict[str, Any]) -> None:
    wanted = replace(SILENCE, **changed)

    assert check_silence(wanted, NOW) == wanted


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"reason": " \t\n"}, "reason", "say why"),
        ({"reason": "x" * 501}, "reason", "at most 500 characters"),
        ({"created_by": ""}, "by", "say who you are"),
        ({"created_by": "x" * 101}, "by", "at most 100 characters"),
        ({"host": None}, "host", "say what is to be silent"),
        ({"host": None, "subject": "192.0.2.1"}, "host", "say what is to be silent"),
        ({"is_for_everything": True}, "everything", "leave one out"),
        ({"ends_at": NOW}, "ends_at", "not after the start"),
        ({"starts_at": NOW - timedelta(hours=1), "ends_at": NOW}, "ends_at", "past already"),
        ({"ends_at": NOW + timedelta(days=367)}, "ends_at", "366 days at most"),
        ({**WEEKLY, "ends_at": NOW + timedelta(days=8)}, "ends_at", "7 days at most"),
        ({**WEEKLY, "time_zone": None}, "time_zone", "whose wall clock"),
        ({**WEEKLY, "time_zone": "Mars/Base"}, "time_zone", "no time zone"),
        ({**WEEKLY, "recurrence": "weekly"}, "recurrence", "the rule recurs"),
        ({**WEEKLY, "recurrence": "FREQ=WEEKLY"}, "recurrence", "needs an end"),
        ({**WEEKLY, **begun(29)}, "recurrence", "last of its times is past already"),
        (
            {**WEEKLY, **begun(9), "recurrence": f"FREQ=DAILY;UNTIL={NOW:%Y%m%d}T000000Z"},
            "recurrence",
            "last of its times is past already",
        ),
        ({**WEEKLY, **begun(367)}, "starts_at", "more than 366 days ago"),
        ({**WEEKLY, **begun(1_800 * 365)}, "starts_at", "more than 366 days ago"),
    ],
)
def test_silence_when_something_is_missing_or_wrong_then_refused_and_named(
    changed: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(ActionRefused, match=told) as refused:
        check_silence(replace(SILENCE, **changed), NOW)

    assert refused.value.field == field


def test_silence_when_its_words_hold_controls_then_one_clean_line() -> None:
    kept = check_silence(replace(SILENCE, reason="new\r\n\x1b[31mantenna\u202e"), NOW)

    assert kept.reason == "new [31mantenna"


@pytest.mark.parametrize("days", [1, 21])
def test_recurring_silence_when_begun_in_the_past_but_not_over_then_taken(days: int) -> None:
    wanted = replace(SILENCE, **WEEKLY, **begun(days))

    assert check_silence(wanted, NOW) == wanted
