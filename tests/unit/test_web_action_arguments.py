"""What forms and bodies ask to be done."""

from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.errors import ActionRefused
from ntp_checker.model import ProblemCode
from ntp_checker.web.action_arguments import (
    in_utc,
    read_acknowledgement,
    read_actor,
    read_silence,
)
from tests.made_samples import NOW

SILENCE = {"host": "gps1", "by": "ada", "reason": "x", "for": "2h"}


@pytest.mark.parametrize(
    ("given", "until_at"),
    [
        ({}, None),
        ({"for": "", "until": ""}, None),
        ({"for": "90min"}, NOW + timedelta(minutes=90)),
        ({"until": "2027-01-02T03:04Z"}, datetime(2027, 1, 2, 3, 4, tzinfo=UTC)),
    ],
)
def test_acknowledgement_when_asked_for_then_until_when(
    given: dict[str, str], until_at: datetime | None
) -> None:
    assert read_acknowledgement({"by": "ada", **given}, None, NOW).until_at == until_at


def test_acknowledgement_when_it_has_two_ends_then_refused() -> None:
    with pytest.raises(ActionRefused, match="contradict each other"):
        read_acknowledgement({"for": "1h", "until": "2027-01-02T03:04Z"}, None, NOW)


@pytest.mark.parametrize(
    ("name", "actor", "by"),
    [("ada", None, "ada"), ("", None, ""), ("", "bob", "bob"), ("bob", "bob", "bob")],
)
def test_actor_when_signed_in_then_nobody_else(name: str, actor: str | None, by: str) -> None:
    assert read_actor({"by": name}, actor) == by


def test_actor_when_another_is_named_than_signed_in_then_refused() -> None:
    with pytest.raises(ActionRefused, match="signed in under another name"):
        read_actor({"by": "eve"}, "bob")


def test_silence_when_it_has_a_start_and_a_length_then_the_end_is_after_the_start() -> None:
    wanted = read_silence({**SILENCE, "starts_at": "2027-01-02T03:04Z"}, None, NOW)

    assert wanted.ends_at == datetime(2027, 1, 2, 5, 4, tzinfo=UTC)


def test_silence_when_fields_are_empty_then_they_match_all() -> None:
    given = {**SILENCE, "group": "", "code": "", "subject": "", "everything": ""}
    wanted = read_silence(given, None, NOW)

    assert (wanted.group, wanted.code, wanted.subject) == (None, None, None)
    assert wanted.is_for_everything is False


def test_silence_when_it_names_a_problem_then_its_code() -> None:
    wanted = read_silence({**SILENCE, "code": "offset_high"}, None, NOW)

    assert wanted.code is ProblemCode.OFFSET_HIGH


@pytest.mark.parametrize(
    ("repeat", "rule"),
    [
        ("daily", "FREQ=DAILY;UNTIL=20271231T235959"),
        ("workdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;UNTIL=20271231T235959"),
        ("weekly", "FREQ=WEEKLY;UNTIL=20271231T235959"),
    ],
)
def test_silence_when_a_repetition_is_chosen_then_the_rule_it_stands_for(
    repeat: str, rule: str
) -> None:
    chosen = {"repeat": repeat, "repeat_until": "2027-12-31", "time_zone": "UTC"}

    assert read_silence({**SILENCE, **chosen}, None, NOW).recurrence == rule


@pytest.mark.parametrize("last_day", ["", "2027", "tomorrow", "2027-12-31;COUNT=9"])
def test_silence_when_the_last_day_is_none_then_refused(last_day: str) -> None:
    with pytest.raises(ActionRefused, match="until which day"):
        read_silence({**SILENCE, "repeat": "daily", "repeat_until": last_day}, None, NOW)


def test_silence_when_it_would_outlast_the_calendar_then_refused() -> None:
    given = {**SILENCE, "starts_at": "9999-12-31T23:00Z", "for": "9w"}
    with pytest.raises(ActionRefused, match="outside of the calendar"):
        read_silence(given, None, NOW)


def test_moments_of_a_form_when_without_a_zone_then_utc() -> None:
    given = {"a": "2027-01-02T03:04", "b": "", "c": "2027-01-02T03:04", "d": "2027-01-02T03:04Z"}

    assert in_utc(given, "a", "b", "d") == {
        "a": "2027-01-02T03:04Z",
        "b": "",
        "c": "2027-01-02T03:04",
        "d": "2027-01-02T03:04Z",
    }
