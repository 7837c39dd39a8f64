"""The letter on one alert: what its text and its HTML both say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from ntp_checker.message.clean import clean_line
from ntp_checker.message.links import links_of
from ntp_checker.message.notice import AlertNotice, SampleLine
from ntp_checker.message.words import first_commands, problem_title
from ntp_checker.model import CHECKER, Severity, Transition, TransitionKind
from ntp_checker.rules.wording import say_clock_offset, say_seconds

#: Event ids written out in a letter; the others are in the message's record.
MAX_EVENT_IDS = 1_000
#: Everything that is said of one host's change or source ends here.
_MAX_SENTENCE_CHARS = 300
_MAX_CHANGES = 10
_SAMPLES = 5
_NOT_KNOWN = "not known"

#: Prefixes of a title; other transitions are prefixed with their severity.
_PREFIXES = {
    TransitionKind.RESOLVED: "RESOLVED",
    TransitionKind.REMINDED: "REMINDER",
    TransitionKind.FLAPPING: "FLAPPING",
    TransitionKind.ACKNOWLEDGED: "ACKNOWLEDGED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with lines below it."""

    heading: str
    lines: tuple[str, ...]
    is_code: bool = False  #: to be read in columns, or pasted into a shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a message says, before it is text or HTML. Every string is one clean line."""

    title: str
    state: str  #: first word of the title
    severity: Severity
    lead: str
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  #: words and URL
    footer: tuple[str, ...] = ()


def prefix_of(transition: Transition) -> str:
    """CRITICAL, WARNING, RESOLVED, REMINDER, FLAPPING or ACKNOWLEDGED."""
    return _PREFIXES.get(transition.kind, transition.severity.upper())


def say_moment(moment_at: datetime) -> str:
    """`2026-01-02 03:04:05 UTC`."""
    return moment_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def say_value(value: float | None, unit: str) -> str | None:
    """A measured value with its unit; None for None."""
    if value is None:
        return None
    return say_seconds(value) if unit == "s" else f"{value:.4g} {unit}".rstrip()


def event_lines(event_ids: Sequence[UUID]) -> tuple[str, ...]:
    """One line for each event id, up to a bound, and how many more there are."""
    word = "Event" if len(event_ids) == 1 else "Events"
    shown = [str(event_id) for event_id in event_ids[:MAX_EVENT_IDS]]
    lines = [f"{word} {shown[0]}" if shown else "", *shown[1:]]
    if len(event_ids) > MAX_EVENT_IDS:
        lines.append(f"and {len(event_ids) - MAX_EVENT_IDS} more on record")
    return tuple(line for line in lines if line)


def write_letter(
    notice: AlertNotice, event_ids: Sequence[UUID], *, public_url: str | None, now: datetime
) -> Letter:
    """The letter on one alert; `event_ids` are all its transitions that are told by it."""
    transition = notice.transition
    prefix = prefix_of(transition)
    return Letter(
        title=f"{prefix} {problem_title(transition.key)}",
        state=prefix,
        severity=transition.severity,
        lead=_lead(notice, now),
        facts=_facts(notice, now),
        sections=_sections(notice),
        links=() if public_url is None else links_of(notice, public_url),
        footer=event_lines(event_ids),
    )


def _lead(notice: AlertNotice, now: datetime) -> str:
    """What is so and for how long; of the end how long it was, and how bad."""
    transition = notice.transition
    reason = clean_line(transition.reason, max_chars=_MAX_SENTENCE_CHARS)
    if transition.kind is TransitionKind.FLAPPING:
        return reason  # it goes on and off: no time would be right
    if not notice.is_resolved:
        return f"{reason}; for {_length(notice, now)} now"
    peak = say_value(notice.peak_value, transition.unit)
    return f"{reason}; it lasted {_length(notice, now)}{f', peak {peak}' if peak else ''}"


def _length(notice: AlertNotice, now: datetime) -> str:
    transition = notice.transition
    until_at = transition.slot_at if notice.is_resolved else now
    return say_seconds(max(0.0, round((until_at - transition.first_bad_slot_at).total_seconds())))


def _facts(notice: AlertNotice, now: datetime) -> tuple[tuple[str, str], ...]:
    transition = notice.transition
    key = transition.key
    limit = say_value(transition.limit, transition.unit)
    value = say_value(transition.value, transition.unit)
    is_host = key.host != CHECKER
    begun = say_moment(transition.first_bad_slot_at)
    good_at = notice.last_good_slot_at
    good = say_moment(good_at) if good_at is not None else _NOT_KNOWN if is_host else None
    prefix = prefix_of(transition)
    facts = [
        ("Host", key.host if is_host else None),
        # Of a host that is called what it is reached by it would say nothing.
        ("Target", notice.target if notice.target != key.host else None),
        ("Group", notice.group),
        ("Severity", None if prefix == transition.severity.upper() else transition.severity),
        ("Was", notice.was if notice.is_resolved else None),
        ("Value", f"{value}, limit {limit}" if value and limit else value),
        ("Peak", say_value(notice.peak_value, transition.unit)),
        *_times(notice, begun, now),
        ("Last good", good),
    ]
    if is_host:
        facts.append(("Selected source", notice.selected_source or _NOT_KNOWN))
        # Of a host without a receiver there is nothing to know.
        is_gps = key.code.startswith("gps_")
        facts.append(("GPS", notice.gps or (_NOT_KNOWN if is_gps else None)))
    facts.append(("Code", f"{key.code} {key.subject}".rstrip()))
    return tuple(
        (name, clean_line(words, max_chars=_MAX_SENTENCE_CHARS))
        for name, words in facts
        if words is not None
    )


def _times(notice: AlertNotice, begun: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """How long it has been so, or how long it was so."""
    length = _length(notice, now)
    if not notice.is_resolved:
        return ("Since", begun), ("Lasts", length)
    return ("Began", begun), ("Ended", f"{say_moment(notice.transition.slot_at)}, after {length}")


def _sections(notice: AlertNotice) -> tuple[Section, ...]:
    changes = [
        clean_line(change, max_chars=_MAX_SENTENCE_CHARS)
        for change in notice.changes_before[:_MAX_CHANGES]
    ]
    sections = [
        Section(
            heading="What changed lately" if notice.is_resolved else "What changed just before",
            lines=tuple(changes),
        ),
        Section(
            heading="Last samples, UTC: state, offset, error bound",
            lines=tuple(_say_sample(sample) for sample in notice.samples[-_SAMPLES:]),
            is_code=True,
        ),
    ]
    if not notice.is_resolved:
        commands = first_commands(notice.transition.key, notice.target)
        sections.append(Section(heading="First commands", lines=commands, is_code=True))
    return tuple(section for section in sections if section.lines)


def _say_sample(sample: SampleLine) -> str:
    taken_at = sample.taken_at.astimezone(UTC).strftime("%H:%M:%S")
    offset = "no offset" if sample.offset_s is None else say_clock_offset(sample.offset_s)
    bound = "" if sample.error_bound_s is None else f"at most {say_seconds(sample.error_bound_s)}"
    return f"{taken_at}  {sample.status:<8}  {offset:<14}  {bound}".rstrip()
