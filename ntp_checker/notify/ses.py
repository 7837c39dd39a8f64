"""Amazon SES v2 through boto3."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from email.policy import SMTP
from email.utils import parseaddr
from typing import Any, Protocol

import boto3  # type: ignore[import-untyped]  # boto3 has no types of its own
from botocore import exceptions as aws  # type: ignore[import-untyped]  # neither has botocore
from botocore.config import Config  # type: ignore[import-untyped]

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.message import OutgoingMessage, clean_line
from ntp_checker.notify.channel import Progress, say_refused
from ntp_checker.notify.mime import make_mail, sort_addresses
from ntp_checker.notify.ses_suppressed import SuppressionClient, SuppressionList

#: SES v2, SendEmail: recipients of one call.
MAX_RECIPIENTS = 50
#: A name may need credentials from a metadata service first.
TIMEOUT_S = 20.0
_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 10.0
_THROTTLED_RETRY_S = 1.0
_MAX_TOLD_CHARS = 200

#: Error codes as botocore gives them. Source: SES v2 API reference and common errors of AWS.
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException"})
_CLOCK_WORDS = ("signature expired", "signature not yet current")
_THROTTLED = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "LimitExceededException"}
)
_DAILY_WORDS = ("daily", "24-hour", "24 hour")
#: Renewed by the next call.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
#: May be about one recipient of many, or about what is in the message. Everything else that is no
#: passing trouble is about the account (paused, suspended, a right or a domain that is missing).
_REJECTED = frozenset({"MessageRejected", "BadRequestException", "InvalidParameterValue"})
#: Of these an identity that somebody may verify.
_UNVERIFIED_WORDS = "not verified"
_PASSING_FROM = 500


class SesClient(SuppressionClient, Protocol):
    """As much of boto3's `sesv2` client as is used."""

    def send_email(self, **request: object) -> Mapping[str, Any]:
        """Blocks until SES has answered."""


def make_ses_client() -> SesClient:
    """Region, credentials and endpoint (AWS_ENDPOINT_URL_SESV2) by boto3's own chain.

    But for AWS_REGION, which Lambda, EKS and the other SDKs set and boto3 does not read.
    It never tries again by itself: that is the outbox's business. Raises SendError without a
    region.
    """
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent_extra="ntp-checker",
    )
    try:
        session = boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)
        client: SesClient = session.client("sesv2", config=config)
    except (aws.BotoCoreError, ValueError) as err:
        detail = f"Amazon SES can't be set up: {_words(err)}"
        raise SendError(detail, SendErrorKind.NEXT_CHANNEL) from err
    return client


class SesChannel:
    """Sends from one identity."""

    def __init__(
        self,
        *,
        name: str,
        client: SesClient,
        sender: str,
        recipients: tuple[str, ...],
        configuration_set: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`tags` go to SES's event stream beside our own."""
        self.name, self.recipients = name, recipients
        self._client, self._sender = client, sender
        self._configuration_set, self._tags = configuration_set, dict(tags or {})
        self._timeout_s = timeout_s
        self._sender_words = _address_words(sender)
        self._progress = Progress()
        self._suppression = SuppressionList(channel=name, client=client, recipients=recipients)

    async def send(self, message: OutgoingMessage) -> str:
        """SES's message id, one for each call of 50 recipients, and whom SES will not reach.

        Raises SendError. Where some have it, the others are tried for half an hour; then it counts
        as taken.
        """
        taken = self._progress.taken(message)
        try:
            return await self._send_missing(message)
        except SendError as err:
            have_it = self._progress.taken(message)
            if not have_it:
                raise
            good, _ = sort_addresses(self.recipients)
            left = dict.fromkeys(self._progress.missing(message, good), err.detail)
            if err.kind is not SendErrorKind.PERMANENT:
                told = say_refused(left)
                self._progress.check_rest(message, told, is_news=have_it != taken)
            return self._progress.finish(message, left)

    async def _send_missing(self, message: OutgoingMessage) -> str:
        """To those that do not have it.

        A rejected call was sent to nobody: it is made again for each recipient alone, so that one
        bad address costs the others nothing. But where the sender is at fault.
        """
        taken = self._progress.taken(message)
        good, bad = sort_addresses(self.recipients)
        missing = [address for address in good if address not in taken]
        answers, refused = [], [f"{address} refused: {why}" for address, why in bad.items()]
        kinds = {SendErrorKind.PERMANENT} if bad else set()
        for first in range(0, len(missing), MAX_RECIPIENTS):
            chunk = missing[first : first + MAX_RECIPIENTS]
            try:
                answers.append(await self._send(message, chunk))
            except _RejectedError as err:
                if len(chunk) == 1:
                    refused.append(f"{chunk[0]} refused: {err.detail}")
                    kinds.add(err.kind)
                    continue
                for address in chunk:
                    try:
                        answers.append(await self._send(message, [address]))
                    except _RejectedError as alone:
                        refused.append(f"{address} refused: {alone.detail}")
                        kinds.add(alone.kind)
        told = "; ".join([*refused, *map(_say_suppressed, self._suppression.known.items())])
        if not answers and not taken:
            may_pass = SendErrorKind.NEXT_CHANNEL in kinds
            kind = SendErrorKind.NEXT_CHANNEL if may_pass else SendErrorKind.PERMANENT
            raise SendError(told or "no recipient", kind)
        self._progress.forget(message)
        return f"{' '.join(answers)}{f' ({told})' if told else ''}"

    async def suppressed_recipients(self) -> Mapping[str, str]:
        """Whom SES does not write to any more: bounce or complaint, by recipient.

        Asked at most once an hour; what could not be asked stays as it was known.
        """
        return await self._suppression.look_up()

    async def _send(self, message: OutgoingMessage, recipients: Sequence[str]) -> str:
        request = self._request(message, recipients)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await asyncio.to_thread(self._client.send_email, **request)
        except TimeoutError as err:
            detail = f"Amazon SES did not answer within {self._timeout_s:g} s"
            raise SendError(detail, SendErrorKind.RETRY) from err
        except aws.ClientError as err:
            raise self._about_sender(_classify(err), said=str(err)) from err
        except aws.BotoCoreError as err:
            raise SendError(f"Amazon SES: {_words(err)}", _kind_of(err)) from err
        message_id = str(answer["MessageId"])
        self._progress.note(message, *recipients, answer=message_id)
        return message_id

    def _about_sender(self, error: SendError, said: str) -> SendError:
        """A rejection that names the sender is no recipient's fault; somebody may verify it.

        `said` is all of it, of which `error` has the beginning.
        """
        if not isinstance(error, _RejectedError) or self._sender in self.recipients:
            return error
        if self._sender_words.search(said) is None:
            return error
        detail = f"the sender {self._sender} is not allowed: {error.detail}"
        return SendError(detail, SendErrorKind.NEXT_CHANNEL)

    def _request(self, message: OutgoingMessage, recipients: Sequence[str]) -> dict[str, Any]:
        mail = make_mail(message, sender=self._sender, recipients=recipients)
        tags = {**self._tags, "severity": message.severity, "state": message.state}
        request: dict[str, Any] = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": list(recipients)},
            "Content": {"Raw": {"Data": mail.as_bytes(policy=SMTP)}},
            "EmailTags": [{"Name": name, "Value": str(value)} for name, value in tags.items()],
        }
        if self._configuration_set is not None:
            request["ConfigurationSetName"] = self._configuration_set
        return request


def _address_words(address: str) -> re.Pattern[str]:
    """Finds the address in a text, but not within a longer one."""
    bare = re.escape(parseaddr(address)[1] or address)
    return re.compile(rf"(?<![\w.+-]){bare}(?![\w-]|\.\w)", re.IGNORECASE)


def _say_suppressed(found: tuple[str, str]) -> str:
    recipient, reason = found
    return f"{recipient} gets no mail: on the suppression list after a {reason}"


class _RejectedError(SendError):
    """SES takes this mail to these recipients never, or not before an identity is verified."""


def _classify(err: aws.ClientError) -> SendError:
    code = str(err.response.get("Error", {}).get("Code", ""))
    said = _without_secrets(str(err.response.get("Error", {}).get("Message", "")))
    status = int(err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    detail = f"Amazon SES: {clean_line(f'{code}: {said}', max_chars=_MAX_TOLD_CHARS)}"
    is_about_time = any(words in said.lower() for words in _CLOCK_WORDS)
    if code in _CLOCK or (code in _SIGNATURE and is_about_time):
        return SendError(
            f"{detail} (this machine's clock differs from AWS's)", SendErrorKind.OWN_CLOCK
        )
    if code in _THROTTLED:
        if any(words in said.lower() for words in _DAILY_WORDS):
            return SendError(detail, SendErrorKind.NEXT_CHANNEL)
        return SendError(detail, SendErrorKind.RETRY, retry_after_s=_THROTTLED_RETRY_S)
    if code in _EXPIRED or status >= _PASSING_FROM or status == 0:
        return SendError(detail, SendErrorKind.RETRY)
    if code in _REJECTED:
        may_pass = _UNVERIFIED_WORDS in said.lower()
        kind = SendErrorKind.NEXT_CHANNEL if may_pass else SendErrorKind.PERMANENT
        return _RejectedError(detail, kind)
    return SendError(detail, SendErrorKind.NEXT_CHANNEL)


def _kind_of(err: aws.BotoCoreError) -> SendErrorKind:
    """Errors on this side of the wire: what has no credentials now may have them in an hour."""
    if isinstance(err, (aws.ParamValidationError, aws.InvalidRegionError)):
        return SendErrorKind.PERMANENT
    lasting = (
        aws.NoCredentialsError,
        aws.PartialCredentialsError,
        aws.CredentialRetrievalError,
        aws.ProfileNotFound,
        aws.NoRegionError,
    )
    return SendErrorKind.NEXT_CHANNEL if isinstance(err, lasting) else SendErrorKind.RETRY


def _words(err: Exception) -> str:
    return clean_line(_without_secrets(str(err)), max_chars=_MAX_TOLD_CHARS)


def _without_secrets(said: str) -> str:
    """AWS repeats the string to sign in a refusal, never the key; a proxy may repeat anything."""
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        secret = os.environ.get(name)
        if secret:
            said = said.replace(secret, "***")
    return said
