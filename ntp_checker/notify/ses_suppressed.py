"""Whom Amazon SES does not write to any more: the account's suppression list.

SES takes a mail to such an address, and drops it. A hard bounce or a complaint puts an address
there, so this tells of bounces without a way for Amazon to reach us.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from botocore import exceptions as aws  # type: ignore[import-untyped]  # botocore has no types

from ntp_checker.message import clean_line
from ntp_checker.notify.threads import in_daemon_thread

log = structlog.get_logger()

ASK_EVERY_S = 3600.0
#: For all recipients together, however slowly SES answers.
TIMEOUT_S = 120.0
#: All calls of SES but those that send share one call a second. Source: its service quotas.
THROTTLED_PAUSE_S = 1.1
_THROTTLED_TRIES = 3
_THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})
_NOT_LISTED = "NotFoundException"
_MAX_TOLD_CHARS = 200


class SuppressionClient(Protocol):
    """As much of boto3's `sesv2` client as is used here."""

    def get_suppressed_destination(self, **request: object) -> Mapping[str, Any]:
        """Blocks until SES has answered."""


class SuppressionList:
    """What is known of a channel's recipients; for one event loop."""

    def __init__(
        self, *, channel: str, client: SuppressionClient, recipients: tuple[str, ...]
    ) -> None:
        self._channel, self._client, self._recipients = channel, client, recipients
        self._known: dict[str, str] = {}
        self._due_at_s = 0.0  #: of the loop's clock
        self._trouble = ""  #: why it could not be asked, as told last

    @property
    def known(self) -> Mapping[str, str]:
        """Reason by recipient, bounce or complaint, as of the last time."""
        return dict(self._known)

    async def look_up(self) -> Mapping[str, str]:
        """As `known`; asks SES if the last time is an hour ago. Never raises."""
        now_s = asyncio.get_running_loop().time()
        if self._due_at_s <= now_s:
            self._due_at_s = now_s + ASK_EVERY_S
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._ask()
            except TimeoutError:
                self._note_trouble("no answer in time")
        return self.known

    async def _ask(self) -> None:
        """One after the other. The permission may be missing, which is no harm to any mail."""
        for recipient in self._recipients:
            try:
                reason = await self._reason(recipient)
            except aws.ClientError as err:
                self._note_trouble(str(err.response.get("Error", {}).get("Code", "")))
                return
            except aws.BotoCoreError as err:
                self._note_trouble(type(err).__name__)
                return
            self._note(recipient, reason)
        self._trouble = ""

    async def _reason(self, recipient: str) -> str | None:
        """None: not on the list. Raises what botocore raises."""
        for attempt in range(1, _THROTTLED_TRIES + 1):
            try:
                answer = await in_daemon_thread(
                    lambda: self._client.get_suppressed_destination(EmailAddress=recipient)
                )
                return str(answer["SuppressedDestination"]["Reason"]).lower()
            except aws.ClientError as err:
                code = err.response.get("Error", {}).get("Code")
                if code == _NOT_LISTED:
                    return None
                if code not in _THROTTLED or attempt == _THROTTLED_TRIES:
                    raise
            await asyncio.sleep(THROTTLED_PAUSE_S)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _note(self, recipient: str, reason: str | None) -> None:
        before = self._known.get(recipient)
        if reason is None:
            self._known.pop(recipient, None)
        else:
            self._known[recipient] = reason
        if reason is not None and reason != before:
            log.warning(
                "recipient is on the suppression list, no mail reaches it",
                channel=self._channel,
                recipient=recipient,
                reason=reason,
            )
        elif reason is None and before is not None:
            log.info("recipient gets mail again", channel=self._channel, recipient=recipient)

    def _note_trouble(self, code: str) -> None:
        code = clean_line(code, max_chars=_MAX_TOLD_CHARS)
        say = log.debug if code == self._trouble else log.info
        self._trouble = code
        say("suppression list not asked", channel=self._channel, reason=code)
