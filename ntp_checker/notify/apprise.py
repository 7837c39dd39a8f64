"""Apprise: the ways out that have no file here, each by a URL. The library is an extra.

Its URLs hold tokens. Its words are never passed on, but for the HTTP status in them: some of its
plugins repeat the URL.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ntp_checker.errors import ConfigError, SendError, SendErrorKind
from ntp_checker.message import MessageState, OutgoingMessage
from ntp_checker.model import Severity
from ntp_checker.notify.channel import Progress
from ntp_checker.notify.http import refusal_kind
from ntp_checker.notify.threads import in_daemon_thread

if TYPE_CHECKING:
    from apprise import NotifyBase, NotifyType

TIMEOUT_S = 20.0
#: What a person reads in a chat; a service that takes less gets the beginning of it.
_MAX_TEXT_CHARS = 3_000
#: How nearly all plugins tell of a refusal: "Failed to send …: Not Found, error=404."
_STATUS = re.compile(r"\berror[ =](\d{3})\b")
_TYPES = {
    Severity.CRITICAL: "failure",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one URL."""

    is_taken: bool
    status: int | None = None  #: HTTP status of a refusal; None where none was told
    fault: str = ""  #: name of the exception that a plugin raised


class AppriseChannel:
    """Sends to one or several services."""

    def __init__(self, *, name: str, urls: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        """Raises ConfigError without the library, SendError (permanent) for an unknown URL."""
        self.name = name
        self.recipients: tuple[str, ...] = ()
        self._listener = _listen()
        self._services = [_open(url, number) for number, url in enumerate(urls, start=1)]
        self._timeout_s = timeout_s
        self._progress = Progress()
        self._busy: set[int] = set()  #: services whose thread is still at it

    async def send(self, message: OutgoingMessage) -> str:
        """The services' names, with those that did not take it. Raises SendError.

        Tried again, only those that have not taken it are asked, for half an hour where others
        have it.
        """
        numbers = [str(number) for number in range(len(self._services))]
        missing = [int(number) for number in self._progress.missing(message, numbers)]
        outcomes = await asyncio.gather(*(self._send(number, message) for number in missing))
        failures = [failure for failure in outcomes if failure is not None]
        told = "; ".join(failure.detail for failure in failures)
        kinds = {failure.kind for failure in failures}
        if not self._progress.taken(message):
            may_pass = SendErrorKind.NEXT_CHANNEL in kinds
            lasting = SendErrorKind.NEXT_CHANNEL if may_pass else SendErrorKind.PERMANENT
            kind = SendErrorKind.RETRY if SendErrorKind.RETRY in kinds else lasting
            raise SendError(told or "no URL", kind)
        if SendErrorKind.RETRY in kinds:
            is_news = len(failures) < len(missing)
            self._progress.check_rest(message, told, is_news=is_news)
        self._progress.forget(message)
        names = ", ".join(_name(service) for service in self._services)
        return f"{names}{f' ({told})' if told else ''}"

    async def _send(self, number: int, message: OutgoingMessage) -> SendError | None:
        service = self._services[number]
        if number in self._busy:
            return SendError(f"{_name(service)} still hangs", SendErrorKind.RETRY)
        self._busy.add(number)
        try:
            async with asyncio.timeout(self._timeout_s):
                outcome = await in_daemon_thread(
                    lambda: self._notify(service, message),
                    finished=lambda: self._busy.discard(number),
                )
        except TimeoutError:
            detail = f"{_name(service)} did not take it within {self._timeout_s:g} s"
            return SendError(detail, SendErrorKind.RETRY)
        if outcome.is_taken:
            self._progress.note(message, str(number))
            return None
        return _error(_name(service), outcome)

    def _notify(self, service: "NotifyBase", message: OutgoingMessage) -> _Outcome:
        """In a thread of its own."""
        _, _, body = message.text.partition("\n")
        words = self._listener.begin()
        try:
            is_taken = service.notify(
                title=message.title,
                body=body.strip()[:_MAX_TEXT_CHARS],
                notify_type=_type_of(message),
                body_format="text",
                overflow="truncate",
            )
        except Exception as err:  # noqa: BLE001 - a plugin may raise anything, and say its URL
            return _Outcome(is_taken=False, fault=type(err).__name__)
        statuses = [int(found[1]) for said in words for found in _STATUS.finditer(said)]
        return _Outcome(is_taken=bool(is_taken), status=statuses[-1] if statuses else None)


def _open(url: str, number: int) -> "NotifyBase":
    try:
        import apprise
    except ImportError as err:
        raise ConfigError(
            "kind apprise needs the extra: pip install 'ntp-checker[apprise]'"
        ) from err
    asset = apprise.AppriseAsset(
        app_id="NTP Checker", storage_mode="memory", secure_logging=True, plugin_paths=[]
    )
    asset.http_redirects = False
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        detail = f"URL {number} is none that apprise understands"
        raise SendError(detail, SendErrorKind.PERMANENT)
    return service


def _name(service: "NotifyBase") -> str:
    return str(service.service_name)


def _type_of(message: OutgoingMessage) -> "NotifyType":
    """Apprise's word: colours and icons."""
    from apprise import NotifyType

    is_over = message.state is MessageState.RESOLVED and message.notices
    return NotifyType("success" if is_over else _TYPES[message.severity])


def _error(name: str, outcome: _Outcome) -> SendError:
    status = outcome.status
    if status is None:
        why = f": {outcome.fault}" if outcome.fault else ": no answer, or none that apprise tells"
        return SendError(f"{name} did not take it{why}", SendErrorKind.RETRY)
    hint = ": redirects are not followed" if 300 <= status < 400 else ""
    return SendError(f"{name} answers {status}{hint}", refusal_kind(status))


class _Listener(logging.Handler):
    """What apprise says in each thread while a message is sent, instead of to the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said = threading.local()

    def begin(self) -> list[str]:
        """A list that grows by what this thread says from now on."""
        words: list[str] = []
        self._said.words = words
        return words

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it for who began in this thread; else it is dropped."""
        words = getattr(self._said, "words", None)
        if words is not None:
            words.append(record.getMessage())


def _listen() -> _Listener:
    """The process's one listener; from now on nothing of apprise gets into any log."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    for handler in logger.handlers:
        if isinstance(handler, _Listener):
            return handler
    listener = _Listener()
    logger.addHandler(listener)
    return listener
