"""Notices into one message: a letter on one alert, or a digest on several."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from ntp_checker.message.clean import clean_line
from ntp_checker.message.digest import badness, write_digest
from ntp_checker.message.letter import Letter, say_moment, write_letter
from ntp_checker.message.links import alerts_url
from ntp_checker.message.notice import AlertNotice, MessageState, OutgoingMessage, identity_of
from ntp_checker.message.render import as_html, as_text
from ntp_checker.model import Severity


def compose(
    notices: Sequence[AlertNotice],
    *,
    public_url: str | None,
    now: datetime,
    message_id: UUID | None = None,
) -> OutgoingMessage:
    """One message that covers all these transitions, at least one.

    Of an alert that moved several times only the last step is told, in its thread if it is the
    only one. `public_url` is the dashboard's, None for a message without links. `message_id` None:
    made from the event ids. Raises ValueError for no notices.
    """
    if not notices:
        raise ValueError("a message without a notice says nothing")
    newest: dict[str, AlertNotice] = {}
    for notice in notices:
        known = newest.get(notice.thread_key)
        if known is None or known.transition.ordinal <= notice.transition.ordinal:
            newest[notice.thread_key] = notice
    told = tuple(sorted(newest.values(), key=badness))
    event_ids = tuple(dict.fromkeys(notice.transition.event_id for notice in notices))
    if len(told) == 1:
        letter = write_letter(told[0], event_ids, public_url=public_url, now=now)
    else:
        letter = write_digest(told, event_ids, public_url=public_url, now=now)
    is_over = all(notice.is_resolved for notice in told)
    return OutgoingMessage(
        message_id=message_id or identity_of(event_ids),
        thread_key=told[0].thread_key if len(told) == 1 else None,
        title=letter.title,
        text=as_text(letter),
        html=as_html(letter),
        event_ids=event_ids,
        severity=letter.severity,
        state=MessageState.RESOLVED if is_over else MessageState.FIRING,
        made_at=now,
        notices=told,
        public_url=public_url.rstrip("/") if public_url is not None else None,
    )


def compose_trial(
    channel: str, *, public_url: str | None, now: datetime, message_id: UUID
) -> OutgoingMessage:
    """The message by which a person tries a channel: about no alert, in no thread."""
    letter = Letter(
        title=f"TEST [NTP Checker] channel {clean_line(channel, max_chars=64)}",
        state="TEST",
        severity=Severity.INFO,
        lead="This is a test: alerts of this channel arrive here.",
        facts=(("Written", say_moment(now)),),
        links=() if public_url is None else (("Alerts", alerts_url(public_url)),),
        footer=(f"Message {message_id}",),
    )
    return OutgoingMessage(
        message_id=message_id,
        thread_key=None,
        title=letter.title,
        text=as_text(letter),
        html=as_html(letter),
        event_ids=(),
        severity=letter.severity,
        state=MessageState.RESOLVED,
        made_at=now,
        public_url=public_url.rstrip("/") if public_url is not None else None,
    )
