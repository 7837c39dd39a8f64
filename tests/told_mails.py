"""What was told by mails: the events they cover, and what came twice."""

import re
from collections.abc import Iterable, Sequence
from email.message import EmailMessage
from uuid import UUID

#: `Event ID`, or lines of further ids below `Events ID`, at the end of the text.
_EVENT_LINE = re.compile(
    r"^(?:Events? )?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\r?$",
    re.MULTILINE,
)


def text_of(mail: EmailMessage) -> str:
    """Its plain text."""
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    return str(part.get_content())


def events_of(mail: EmailMessage) -> frozenset[UUID]:
    """Every event that its text says it covers."""
    return frozenset(map(UUID, _EVENT_LINE.findall(text_of(mail))))


def doubles(mails: Sequence[EmailMessage]) -> list[tuple[int, int]]:
    """Places of mails that repeat an event, each with that of the last mail that had it before."""
    told_at: dict[UUID, int] = {}
    found = []
    for place, mail in enumerate(mails):
        events = events_of(mail)
        before = [told_at[event] for event in events if event in told_at]
        if before:
            found.append((place, max(before)))
        told_at.update(dict.fromkeys(events, place))
    return found


def all_events(mails: Iterable[EmailMessage]) -> set[UUID]:
    """Every event that any of them covers."""
    return {event for mail in mails for event in events_of(mail)}
