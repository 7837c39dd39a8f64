"""A proxy before an SES server that fails as SES does, and as the way to it does.

It runs in threads of its own: what sends may be a task of the test or another process.
"""

import base64
import http.client
import http.server
import json
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum
from typing import Any, Self

from tests.moto_server import MotoServer


@dataclass(frozen=True)
class Refusal:
    """What SES says when it does not take a mail."""

    status: int
    code: str
    said: str


#: The same two refusals under each of the names that SES has for them.
TOO_FAST = Refusal(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
THROTTLED = Refusal(400, "ThrottlingException", "Maximum sending rate exceeded.")
DAY_IS_FULL = Refusal(429, "TooManyRequestsException", "Daily message quota exceeded.")
DAY_IS_FULL_V1 = Refusal(400, "ThrottlingException", "Daily message quota exceeded.")
PAUSED = Refusal(400, "SendingPausedException", "Email sending is paused for this account.")
SUSPENDED = Refusal(400, "AccountSuspendedException", "The account is suspended.")
TOKEN_EXPIRED = Refusal(403, "ExpiredTokenException", "The security token included has expired")
SIGNED_LATE = Refusal(
    403,
    "SignatureDoesNotMatch",
    "Signature expired: 20260102T030405Z is now earlier than 20260102T032905Z",
)
SIGNED_EARLY = Refusal(
    403,
    "InvalidSignatureException",
    "Signature not yet current: 20260102T040405Z is still later than 20260102T030905Z",
)
BAD_ADDRESS = Refusal(400, "BadRequestException", "Illegal address")


class LineFault(Enum):
    """What happens on the way."""

    SLOW = "slow"  #: taken and answered after a while
    CUT_BEFORE = "cut before"  #: closed before SES had it
    ANSWER_LOST = "answer lost"  #: SES took it, and the connection was closed without an answer
    RESET_IN_ANSWER = "reset in answer"  #: SES took it, and the answer broke off in its middle


Fault = Refusal | LineFault
#: Those after which SES has the mail and the sender can't know.
LOSE_THE_ANSWER = (LineFault.ANSWER_LOST, LineFault.RESET_IN_ANSWER)


@dataclass
class Call:
    """One SendEmail that reached the proxy whole."""

    at_s: float  #: of the monotonic clock
    access_key: str  #: that it was signed with
    recipients: tuple[str, ...]
    mail: EmailMessage
    fault: Fault | None = None
    is_taken: bool = False  #: by the server behind the proxy

    @property
    def message_id(self) -> str:
        return str(self.mail["X-NTP-Checker-Message-Id"])

    @property
    def subject(self) -> str:
        return str(self.mail["Subject"])


def no_fault(_: Call) -> Fault | None:
    """Everything goes through."""
    return None


@dataclass
class SesProxy:
    """A running proxy. `choose` may be changed at any time; what is in `next_faults` goes first."""

    server: MotoServer
    choose: Callable[[Call], Fault | None] = no_fault
    next_faults: deque[Fault | None] = field(default_factory=deque)
    slow_s: float = 0.2
    calls: list[Call] = field(default_factory=list)  #: as they came

    def __enter__(self) -> Self:
        self._arrived = threading.Condition()
        proxy = self

        class Connection(_Connection):
            def do_POST(self) -> None:
                proxy.answer(self)

        self._http = _Server(("127.0.0.1", 0), Connection)
        self._thread = threading.Thread(target=self._http.serve_forever, name="ses proxy")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        """For AWS_ENDPOINT_URL_SESV2."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def errors(self) -> list[BaseException]:
        """Faults of the proxy itself; none is expected."""
        return self._http.errors

    @property
    def taken(self) -> list[Call]:
        """Those that the server took."""
        return [call for call in self.calls if call.is_taken]

    def wait_for_calls(self, number: int, *, timeout_s: float) -> bool:
        """Returns as soon as so many calls came, before they are handed on; False: not in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.calls) >= number, timeout_s)

    def answer(self, connection: "_Connection") -> None:
        """One request of this connection."""
        length_bytes = int(connection.headers["Content-Length"])
        body = connection.rfile.read(length_bytes)
        if len(body) < length_bytes:  # who was sending it was killed
            connection.cut()
            return
        call = _read_call(body, connection.headers["Authorization"] or "")
        with self._arrived:
            call.fault = self.next_faults.popleft() if self.next_faults else self.choose(call)
            self.calls.append(call)
            self._arrived.notify_all()
        if call.fault is LineFault.CUT_BEFORE:
            connection.cut()
            return
        if isinstance(call.fault, Refusal):
            connection.say(call.fault.status, _refusal_headers(call.fault), _words(call.fault))
            return
        if call.fault is LineFault.SLOW:
            time.sleep(self.slow_s)
        status, headers, answer = self._hand_on(connection, body)
        call.is_taken = status == 200
        if call.fault is LineFault.ANSWER_LOST:
            connection.cut()
        elif call.fault is LineFault.RESET_IN_ANSWER:
            connection.break_off(status, answer)
        else:
            connection.say(status, headers, answer)

    def _hand_on(self, connection: "_Connection", body: bytes) -> tuple[int, dict[str, str], bytes]:
        server = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            server.request(connection.command, connection.path, body, dict(connection.headers))
            response = server.getresponse()
            kept = ("Content-Type", "x-amzn-ErrorType", "x-amzn-RequestId")
            headers = {name: found for name in kept if (found := response.getheader(name))}
            return response.status, headers, response.read()
        finally:
            server.close()


class _Server(http.server.ThreadingHTTPServer):
    # A connection that is kept open ends with its client, or with the test's process.
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.errors: list[BaseException] = []

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as it is called
        """Kept, but for a client that was killed."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class _Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        with suppress(OSError):  # who asked was killed meanwhile
            self.send_response(status)
            for name, words in headers.items():
                self.send_header(name, words)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def cut(self) -> None:
        """Closes it, with no answer."""
        self.close_connection = True

    def break_off(self, status: int, body: bytes) -> None:
        """Half of the answer, then a reset."""
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # shutdown() would be a polite end, and http.server calls it.
            self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """By default each request is said on stderr."""


def _read_call(body: bytes, authorization: str) -> Call:
    given = json.loads(body)
    raw = base64.b64decode(given["Content"]["Raw"]["Data"])
    return Call(
        at_s=time.monotonic(),
        access_key=authorization.partition("Credential=")[2].partition("/")[0],
        recipients=tuple(given["Destination"]["ToAddresses"]),
        mail=message_from_bytes(raw, policy=policy.default),
    )


def _refusal_headers(refusal: Refusal) -> dict[str, str]:
    return {"Content-Type": "application/json", "x-amzn-ErrorType": refusal.code}


def _words(refusal: Refusal) -> bytes:
    return json.dumps({"message": refusal.said}).encode()
