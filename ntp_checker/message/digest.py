"""The letter on several alerts at once: grouped, worst first, bounded."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from ntp_checker.message.clean import clean_line
from ntp_checker.message.letter import Letter, Section, event_lines, prefix_of, say_moment
from ntp_checker.message.links import digest_links
from ntp_checker.message.notice import AlertNotice
from ntp_checker.message.words import CODE_WORDS, host_name
from ntp_checker.model import ProblemCode, Severity, TransitionKind

#: Alerts that are written out, in all and within one section.
MAX_LISTED = 60
MAX_LISTED_OF_A_SECTION = 20
MAX_SECTIONS = 20
#: Hosts that are named without a reason, in all: what was lost is to be known from the message.
MAX_NAMED = 500
_MAX_REASON_CHARS = 160
_MAX_GROUP_CHARS = 60

_SEVERITY_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_LATE_KINDS = {TransitionKind.ACKNOWLEDGED: 1, TransitionKind.RESOLVED: 2}

#: What a section is of: a state's prefix, a code, a group ("" for none).
_Heading = tuple[str, ProblemCode, str]


def badness(notice: AlertNotice) -> tuple[int, int, str, str, str, str]:
    """Sorts the worst first: what holds before what is taken on, before what is over."""
    transition = notice.transition
    key = transition.key
    return (
        _LATE_KINDS.get(transition.kind, 0),
        _SEVERITY_ORDER[transition.severity],
        key.code,
        notice.group or "",
        key.host,
        key.subject,
    )


def write_digest(
    notices: Sequence[AlertNotice],
    event_ids: Sequence[UUID],
    *,
    public_url: str | None,
    now: datetime,
) -> Letter:
    """The letter on `notices`, one per alert and sorted by `badness`."""
    worst = notices[0]
    prefix = prefix_of(worst.transition)
    hosts = len({notice.transition.key.host for notice in notices})
    how_many = f"{len(notices)} alerts on {hosts} host{'' if hosts == 1 else 's'}"
    states = Counter(prefix_of(notice.transition) for notice in notices)
    summary = ", ".join(f"{count} {state}" for state, count in states.items())
    begun_at = min(notice.transition.first_bad_slot_at for notice in notices)
    sections = _sections(notices)
    return Letter(
        title=f"{prefix} [{how_many}] {_say_codes(notices)}",
        state=prefix,
        severity=worst.transition.severity,
        lead=f"{how_many}: {summary}",
        facts=(("First began", say_moment(begun_at)), ("Written", say_moment(now))),
        sections=sections,
        links=() if public_url is None else digest_links(worst, public_url),
        footer=event_lines(event_ids),
    )


def _say_codes(notices: Sequence[AlertNotice]) -> str:
    """The two most frequent problems that still hold, with their counts."""
    holding = [notice for notice in notices if not notice.is_resolved] or notices
    codes = Counter(CODE_WORDS[notice.transition.key.code].title for notice in holding)
    said = [f"{title} ({count})" for title, count in codes.most_common(2)]
    more = len(codes) - len(said)
    return ", ".join(said) + (f" and {more} other problem{'s' if more > 1 else ''}" if more else "")


def _sections(notices: Sequence[AlertNotice]) -> tuple[Section, ...]:
    grouped: dict[_Heading, list[AlertNotice]] = {}
    for notice in notices:
        transition = notice.transition
        heading = (prefix_of(transition), transition.key.code, notice.group or "")
        grouped.setdefault(heading, []).append(notice)
    sections, left, names_left = [], MAX_LISTED, MAX_NAMED
    for (prefix, code, group), members in list(grouped.items())[:MAX_SECTIONS]:
        listed = members[: min(left, MAX_LISTED_OF_A_SECTION)]
        left -= len(listed)
        lines = [_say_notice(notice) for notice in listed]
        if len(members) > len(listed):
            names = _names(members[len(listed) :])
            lines.append(_say_rest(len(members) - len(listed), names[:names_left], names))
            names_left -= len(names[:names_left])
        where = f", group {clean_line(group, max_chars=_MAX_GROUP_CHARS)}" if group else ""
        heading_line = f"{prefix} {CODE_WORDS[code].title}{where}: {len(members)}"
        sections.append(Section(heading=heading_line, lines=tuple(lines)))
    return (*sections, *_rest(grouped))


def _rest(grouped: Mapping[_Heading, Sequence[AlertNotice]]) -> tuple[Section, ...]:
    beyond = list(grouped.values())[MAX_SECTIONS:]
    if not beyond:
        return ()
    count = sum(len(members) for members in beyond)
    return (Section(heading="Others", lines=(f"{count} alerts of {len(beyond)} more kinds",)),)


def _names(members: Sequence[AlertNotice]) -> list[str]:
    """Each host once, in their order."""
    return list(dict.fromkeys(host_name(member.transition.key) for member in members))


def _say_rest(alerts: int, named: Sequence[str], names: Sequence[str]) -> str:
    counted = f"… and {alerts} more"
    if not named:
        return counted
    return f"{counted}: {', '.join(named)}{', …' if len(named) < len(names) else ''}"


def _say_notice(notice: AlertNotice) -> str:
    reason = clean_line(notice.transition.reason, max_chars=_MAX_REASON_CHARS)
    return f"{host_name(notice.transition.key)}: {reason}"
