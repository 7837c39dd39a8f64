"""Webhook: an Alertmanager-compatible payload (version 4), signed."""

import hashlib
import hmac
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from ntp_checker.message import (
    AlertNotice,
    MessageState,
    OutgoingMessage,
    alert_url,
    clean_line,
    problem_title,
    runbook_url,
)
from ntp_checker.notify.http import Endpoint, Poster, check_taken

#: Alertmanager's `max_alerts`: the payload counts those beyond it.
MAX_ALERTS = 200
SIGNATURE_HEADER = "X-NTP-Checker-Signature"
_PAYLOAD_VERSION = "4"
#: Alertmanager's zero time: not over yet.
_NO_END = "0001-01-01T00:00:00Z"


class WebhookChannel:
    """Posts to one URL."""

    def __init__(self, *, name: str, url: str, poster: Poster, secret: str | None = None) -> None:
        """`secret` None: unsigned. Raises SendError (permanent) if it is not an HTTP URL."""
        self.name = name
        self.recipients: tuple[str, ...] = ()
        self._endpoint, self._poster = Endpoint.of(url), poster
        self._secret = secret

    async def send(self, message: OutgoingMessage) -> str:
        """The status that was answered. Raises SendError."""
        body = orjson.dumps(payload(message, receiver=self.name))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ntp-checker",
            # A receiver that has seen it may drop a second one.
            "Idempotency-Key": str(message.message_id),
        }
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = sign(body, self._secret, int(time.time()))
        answer = await self._poster.post(self._endpoint, headers, body)
        secrets = () if self._secret is None else (self._secret,)
        check_taken(answer, self._endpoint, secrets=secrets)
        return f"HTTP {answer.status}"


def sign(body: bytes, secret: str, at_epoch_s: int) -> str:
    """`t=EPOCH,v1=HEX`: HMAC-SHA256 of `EPOCH.` and the body, so that neither can be changed."""
    signed = f"{at_epoch_s}.".encode() + body
    return f"t={at_epoch_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def payload(message: OutgoingMessage, *, receiver: str) -> dict[str, Any]:
    """Alertmanager's webhook payload; what it has no field for is an annotation or our own key."""
    told = message.notices[:MAX_ALERTS]
    alerts = [_alert(notice, message) for notice in told]
    return {
        "version": _PAYLOAD_VERSION,
        "groupKey": message.thread_key or str(message.message_id),
        "truncatedAlerts": len(message.notices) - len(told),
        "status": message.state,
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": alerts[0]["labels"] if len(alerts) == 1 else {},
        "commonAnnotations": {"summary": message.title},
        "externalURL": message.public_url or "",
        "alerts": alerts,
        "message": {
            "id": str(message.message_id),
            "title": message.title,
            "text": message.text,
            "severity": message.severity,
            "event_ids": [str(event_id) for event_id in message.event_ids],
        },
    }


def _alert(notice: AlertNotice, message: OutgoingMessage) -> dict[str, Any]:
    transition = notice.transition
    key = transition.key
    labels = {
        "alertname": key.code.value,
        "host": clean_line(key.host),
        "subject": clean_line(key.subject),
        "group": clean_line(notice.group or ""),
        "severity": transition.severity.value,
    }
    base_url = message.public_url
    annotations = {
        "summary": problem_title(key),
        "description": clean_line(transition.reason),
        "transition": transition.kind.value,
        "event_id": str(transition.event_id),
    }
    if base_url is not None:
        annotations["runbook_url"] = runbook_url(notice, base_url)
    return {
        "status": MessageState.RESOLVED if notice.is_resolved else MessageState.FIRING,
        "labels": {name: words for name, words in labels.items() if words},
        "annotations": annotations,
        "startsAt": _iso(transition.first_bad_slot_at),
        "endsAt": _iso(transition.slot_at) if notice.is_resolved else _NO_END,
        "generatorURL": "" if base_url is None else alert_url(notice, base_url),
        # Of what the alert is on, not of its severity, which may change.
        "fingerprint": hashlib.sha256(
            repr((key.host, key.code.value, key.subject)).encode(errors="replace")
        ).hexdigest()[:16],
    }


def _iso(moment_at: datetime) -> str:
    return moment_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
