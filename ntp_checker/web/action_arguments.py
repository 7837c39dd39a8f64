"""What a form's fields or a body's keys ask to be done. Pure; they differ only in their dates.

A form's moments have no zone and mean UTC, as everything on the pages does; a body's must name one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ntp_checker.config.times import read_length, read_moment
from ntp_checker.errors import ActionRefused
from ntp_checker.model import NewSilence, ProblemCode

ACKNOWLEDGE_KEYS = ("by", "note", "until", "for")
UNACKNOWLEDGE_KEYS = ("by",)
SILENCE_KEYS = (
    "by",
    "host",
    "group",
    "code",
    "subject",
    "everything",
    "starts_at",
    "ends_at",
    "for",
    "reason",
    "recurrence",
    "time_zone",
)
EXPIRE_KEYS = ("by",)
#: What the form offers instead of a rule, and the rule that it stands for.
REPEATS = {
    "daily": "FREQ=DAILY",
    "workdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "weekly": "FREQ=WEEKLY",
}
_TRUE = ("true", "on", "1", "yes")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementAsked:
    """What an acknowledgement is to say."""

    by: str
    note: str
    until_at: datetime | None  #: None: until the alert closes or worsens


def read_acknowledgement(
    given: Mapping[str, str], actor: str | None, now_at: datetime
) -> AcknowledgementAsked:
    """Raises ActionRefused for what is not understood; the store says what else is wrong."""
    until_at = _moment(given, "until")
    length = _length(given)
    if until_at is not None and length is not None:
        raise ActionRefused("until and for contradict each other: leave one out", field="until")
    return AcknowledgementAsked(
        by=read_actor(given, actor),
        note=given.get("note", ""),
        until_at=now_at + length if length is not None else until_at,
    )


def read_silence(given: Mapping[str, str], actor: str | None, now_at: datetime) -> NewSilence:
    """Raises ActionRefused for what is not understood; the store says what else is wrong."""
    starts_at = _moment(given, "starts_at") or now_at
    ends_at, length = _moment(given, "ends_at"), _length(given)
    if (ends_at is None) is (length is None):
        raise ActionRefused("an end is required: either a length or a moment", field="ends_at")
    code = given.get("code") or None
    if code is not None and code not in tuple(ProblemCode):
        raise ActionRefused(f"there is no problem {code[:40]!r}", field="code")
    recurrence = given.get("recurrence") or _rule_of(given)
    return NewSilence(
        starts_at=starts_at,
        ends_at=ends_at if ends_at is not None else _later(starts_at, length or timedelta()),
        reason=given.get("reason", ""),
        created_by=read_actor(given, actor),
        host=given.get("host") or None,
        group=given.get("group") or None,
        code=None if code is None else ProblemCode(code),
        subject=given.get("subject") or None,
        recurrence=recurrence,
        time_zone=(given.get("time_zone") or None) if recurrence else None,
        is_for_everything=given.get("everything", "").lower() in _TRUE,
    )


def read_actor(given: Mapping[str, str], actor: str | None) -> str:
    """Whoever signed in; where nobody needs to, the name that is given. Raises ActionRefused."""
    name = given.get("by", "")
    if actor is None:
        return name
    if name not in ("", actor):
        raise ActionRefused("you are signed in under another name: leave it out", field="by")
    return actor


def in_utc(given: Mapping[str, str], *names: str) -> dict[str, str]:
    """A form's fields, those moments with the zone that they are in."""
    return {
        name: f"{text}Z" if name in names and text and not text.endswith("Z") else text
        for name, text in given.items()
    }


def _rule_of(given: Mapping[str, str]) -> str | None:
    """The rule that the form's choice stands for, with the day on which it ends."""
    repeat = given.get("repeat", "")
    if not repeat:
        return None
    if repeat not in REPEATS:
        raise ActionRefused("choose how it recurs", field="recurrence")
    last_day = given.get("repeat_until", "").replace("-", "")
    if not (len(last_day) == len("20260102") and last_day.isascii() and last_day.isdigit()):
        raise ActionRefused("say until which day it recurs", field="repeat_until")
    return f"{REPEATS[repeat]};UNTIL={last_day}T235959"


def _length(given: Mapping[str, str]) -> timedelta | None:
    text = given.get("for", "")
    if not text:
        return None
    try:
        return read_length(text)
    except ValueError as error:
        raise ActionRefused(str(error), field="for") from error


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name, "")
    if not text:
        return None
    try:
        return read_moment(text)
    except ValueError as error:
        raise ActionRefused(str(error), field=name) from error


def _later(starts_at: datetime, length: timedelta) -> datetime:
    try:
        return starts_at + length
    except OverflowError:
        raise ActionRefused("the end lies outside of the calendar", field="for") from None
