"""Whether a silence that somebody asks for can be had. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from ntp_checker.errors import ActionRefused
from ntp_checker.message.clean import clean_line
from ntp_checker.model import NewSilence
from ntp_checker.recurrence import check_rule, is_over

#: Longer is not a silence but a limit, or a host, to be changed in the settings.
MAX_LENGTH = timedelta(days=366)
#: The same of one time of a recurring silence.
MAX_OCCURRENCE = timedelta(days=7)
#: What recurs may have begun so long ago, so that its times can be counted from then.
MAX_BEGUN = timedelta(days=366)
MAX_REASON_CHARS = 500
MAX_NAME_CHARS = 100
MAX_PART_CHARS = 255  #: of a host, a group or a subject


def read_words(field: str, text: str, max_chars: int) -> str:
    """What a person wrote, as one clean line. Raises ActionRefused if it is too long."""
    line = clean_line(text, max_chars=max_chars + 1)
    if len(line) > max_chars:
        raise ActionRefused(f"at most {max_chars} characters", field=field)
    return line


def read_name(text: str) -> str:
    """Who does it. Raises ActionRefused if nobody is named."""
    name = read_words("by", text, MAX_NAME_CHARS)
    if not name:
        raise ActionRefused("say who you are", field="by")
    return name


def check_silence(wanted: NewSilence, now_at: datetime) -> NewSilence:
    """The silence as it is to be kept, its texts cleaned. Raises ActionRefused."""
    wanted = replace(
        wanted,
        reason=read_words("reason", wanted.reason, MAX_REASON_CHARS),
        created_by=read_name(wanted.created_by),
        host=_read_part("host", wanted.host),
        group=_read_part("group", wanted.group),
        subject=_read_part("subject", wanted.subject),
    )
    if not wanted.reason:
        raise ActionRefused("say why", field="reason")
    _check_scope(wanted)
    length = wanted.ends_at - wanted.starts_at
    if length <= timedelta(0):
        raise ActionRefused("the end is not after the start", field="ends_at")
    if length > MAX_LENGTH:
        raise ActionRefused(f"a silence lasts {MAX_LENGTH.days} days at most", field="ends_at")
    if wanted.recurrence is None:
        if wanted.ends_at <= now_at:
            raise ActionRefused("the end is past already", field="ends_at")
        return replace(wanted, time_zone=None)
    if length > MAX_OCCURRENCE:
        days = MAX_OCCURRENCE.days
        raise ActionRefused(f"each time lasts {days} days at most", field="ends_at")
    if not wanted.time_zone:
        raise ActionRefused("say whose wall clock it recurs by", field="time_zone")
    if wanted.starts_at < now_at - MAX_BEGUN:
        days = MAX_BEGUN.days
        raise ActionRefused(
            f"it begins more than {days} days ago: begin it later", field="starts_at"
        )
    _check_recurrence(wanted, wanted.recurrence, wanted.time_zone, now_at)
    return wanted


def _check_recurrence(wanted: NewSilence, rule: str, zone: str, now_at: datetime) -> None:
    try:
        check_rule(rule, zone, wanted.starts_at)
        is_past = is_over(rule, zone, wanted.starts_at, wanted.ends_at, now_at)
    except ValueError as error:
        field = "time_zone" if "time zone" in str(error) else "recurrence"
        raise ActionRefused(str(error), field=field) from error
    if is_past:
        raise ActionRefused("the last of its times is past already", field="recurrence")


def _read_part(field: str, text: str | None) -> str | None:
    """What it is narrowed to; None = any."""
    return None if text is None else read_words(field, text, MAX_PART_CHARS) or None


def _check_scope(wanted: NewSilence) -> None:
    """What nobody is to hear of must be said: it is not everything by mistake."""
    is_narrowed = any(one is not None for one in (wanted.host, wanted.group, wanted.code))
    if wanted.is_for_everything and (is_narrowed or wanted.subject is not None):
        raise ActionRefused("everything, and yet not everything: leave one out", field="everything")
    if not wanted.is_for_everything and not is_narrowed:
        raise ActionRefused(
            "say what is to be silent: a host, a group, a problem, or everything", field="host"
        )
