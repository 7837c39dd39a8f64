"""PagerDuty, Events API v2: one incident for each alert, one for the very many of a digest."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson

from ntp_checker.message import (
    AlertNotice,
    OutgoingMessage,
    alerts_url,
    clean_line,
    links_of,
    problem_title,
)
from ntp_checker.model import Severity, TransitionKind
from ntp_checker.notify.channel import Progress
from ntp_checker.notify.http import Endpoint, Poster, check_taken

#: So many alerts that begin in one message have an incident each: people are woken by each, and
#: PagerDuty takes some 120 events a minute. More than that share one.
MAX_INCIDENTS = 20
EVENTS_URL = "https://events.pagerduty.com/v2/enqueue"
_MAX_SUMMARY_CHARS = 1024
#: Of 512 KB that PagerDuty takes.
_MAX_DETAIL_CHARS = 10_000
_MAX_EVENT_IDS = 100
#: PagerDuty's words for ours.
_SEVERITY_WORDS = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One call."""

    action: str  #: trigger or resolve
    dedup_key: str
    payload: dict[str, Any] | None = None  #: with a trigger only
    notice: AlertNotice | None = None  #: the one alert that a trigger is about


class PagerDutyChannel:
    """Sends to one service's integration."""

    def __init__(
        self, *, name: str, routing_key: str, poster: Poster, url: str = EVENTS_URL
    ) -> None:
        """Raises SendError (permanent) if `url` is not an HTTP URL."""
        self.name = name
        self.recipients: tuple[str, ...] = ()
        self._routing_key = routing_key
        self._endpoint, self._poster = Endpoint.of(url), poster
        self._progress = Progress()

    async def send(self, message: OutgoingMessage) -> str:
        """The deduplication keys, the first one if there are many. Raises SendError.

        An attempt after a failed one goes on where that ended: PagerDuty takes some 120 events a
        minute, and a digest may end more alerts than that.
        """
        events = list(events_of(message))
        for event in events:
            part = f"{event.action} {event.dedup_key}"
            if part not in self._progress.taken(message):
                await self._send(event, message)
                self._progress.note(message, part)
        self._progress.forget(message)
        more = len(events) - 1
        return f"{events[0].dedup_key}{f' and {more} more' if more else ''}"

    async def _send(self, event: _Event, message: OutgoingMessage) -> None:
        body: dict[str, Any] = {
            "routing_key": self._routing_key,
            "event_action": event.action,
            "dedup_key": event.dedup_key,
        }
        if event.payload is not None:
            body |= {"payload": event.payload, "client": "NTP Checker"}
            body |= _leads(event.notice, message.public_url)
        headers = {"Content-Type": "application/json", "User-Agent": "ntp-checker"}
        answer = await self._poster.post(self._endpoint, headers, orjson.dumps(body))
        check_taken(answer, self._endpoint, secrets=(self._routing_key,))


def events_of(message: OutgoingMessage) -> Iterator[_Event]:
    """What PagerDuty is to be told by a message; at least one event.

    What began first, in a message of more than MAX_INCIDENTS, shares an incident by that message's
    id, which ends with the last of these alerts. What is told of them in between goes there, too;
    one that gets worse has an incident of its own. A reminder is a trigger by the same key: it
    opens nothing while the incident is open.
    """
    new, known, shared, over = [], [], set(), set()
    for notice in message.notices:
        key = _shared_key(notice)
        if notice.is_resolved:
            yield _Event(action="resolve", dedup_key=notice.thread_key)
            if key is not None and notice.told_first and not notice.told_first.open_alerts:
                over.add(key)
        elif notice.told_first is None:
            new.append(notice)
        elif key is None or notice.transition.kind is TransitionKind.WORSENED:
            known.append(notice)
        else:
            shared.add(key)
    for key in sorted(over):
        yield _Event(action="resolve", dedup_key=key)
    if len(new) > MAX_INCIDENTS or not message.notices:
        shared.add(str(message.message_id))
    else:
        known += new
    for notice in known:
        yield _Event(
            action="trigger",
            dedup_key=notice.thread_key,
            payload=_payload(message, notice),
            notice=notice,
        )
    for key in sorted(shared):
        yield _Event(action="trigger", dedup_key=key, payload=_payload(message, None))


def _shared_key(notice: AlertNotice) -> str | None:
    """Of the incident that this alert shares with others; None if it has its own."""
    told = notice.told_first
    return str(told.message_id) if told is not None and told.alerts > MAX_INCIDENTS else None


def _leads(notice: AlertNotice | None, public_url: str | None) -> dict[str, Any]:
    """The first link is what PagerDuty puts beside the client's name."""
    if public_url is None:
        return {}
    if notice is None:
        return {"client_url": alerts_url(public_url)}
    links = links_of(notice, public_url)
    return {
        "client_url": links[0][1],
        "links": [{"href": url, "text": words} for words, url in links],
    }


def _payload(message: OutgoingMessage, notice: AlertNotice | None) -> dict[str, Any]:
    """About one alert, or about the message as a whole."""
    summary, severity, host = message.title, message.severity, "NTP Checker"
    begun_at, code, group = message.made_at, "", ""
    if notice is not None:
        key = notice.transition.key
        severity, begun_at = notice.transition.severity, notice.transition.first_bad_slot_at
        summary = f"{problem_title(key)}: {clean_line(notice.transition.reason)}"
        host, code, group = clean_line(key.host), key.code, clean_line(notice.group or "")
    payload = {
        "summary": clean_line(summary, max_chars=_MAX_SUMMARY_CHARS),
        "source": host,
        "severity": _SEVERITY_WORDS[severity],
        "timestamp": begun_at.astimezone(UTC).isoformat(),
        "component": "clock",
        "custom_details": {
            "text": message.text[:_MAX_DETAIL_CHARS],
            "event_ids": [str(event_id) for event_id in message.event_ids[:_MAX_EVENT_IDS]],
        },
    }
    return payload | {name: words for name, words in (("class", code), ("group", group)) if words}
