"""One HTTP request to a place that is not trusted: checked address, no redirects, all bounded.

The name is looked up once and the connection goes to an address that was checked; TLS and the Host
header keep the name. The standard library does the looking up, TLS and the parsing.
"""

import asyncio
import http.client
import io
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.message import clean_line
from ntp_checker.notify.redaction import without_secrets
from ntp_checker.reach import IpAddress, Reach, is_allowed

#: Addresses of a name; raises OSError if it has none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

TIMEOUT_S = 15.0
#: For each address of a name; the first may be one that swallows packets.
_CONNECT_TIMEOUT_S = 5.0
_MAX_ADDRESSES = 3
#: The answer's first line has settled the matter; its body is only for people.
_BODY_TIMEOUT_S = 2.0
_MAX_HEAD_BYTES = 16 * 1024
_MAX_BODY_BYTES = 16 * 1024
_HEAD_END = b"\r\n\r\n"
#: A provider may wish for more; an alert can't wait for it.
_MAX_RETRY_AFTER_S = 3600.0
_MAX_TOLD_CHARS = 200
#: Request Timeout, Too Early, Too Many Requests; RFC 9110 and RFC 6585.
_PASSING = (408, 425, 429)
#: Bad Request, Content Too Large, Unsupported Media Type, Unprocessable Content.
_OF_MESSAGE = (400, 413, 415, 422)
#: OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID.
_NOT_YET_VALID = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a request goes. Its path may be a secret and never gets into an error."""

    is_encrypted: bool
    host: str
    port: int
    target: str  #: path and query

    @classmethod
    def of(cls, url: str) -> "Endpoint":
        """Raises SendError (permanent), which does not repeat the URL, for what is no HTTP URL."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii")
        except (ValueError, UnicodeError):
            raise SendError("the URL is not understood", SendErrorKind.PERMANENT) from None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        is_known = parts.scheme in ("http", "https") and host and not parts.username
        if not is_known or not target.isascii() or not target.isprintable() or " " in target:
            raise SendError("the URL is not understood", SendErrorKind.PERMANENT)
        is_encrypted = parts.scheme == "https"
        port = port or (443 if is_encrypted else 80)
        return cls(is_encrypted=is_encrypted, host=host, port=port, target=target)

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_encrypted else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; the body is cut to a bound and may be incomplete."""

    status: int
    retry_after_s: float | None
    body: str


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """As the system does, without duplicates."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Poster:
    """Posts to endpoints, or calls them; made once and passed in."""

    def __init__(
        self,
        *,
        reach: Reach = Reach.OUTWARD,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_by_system,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`tls` None: the system's authorities."""
        self._reach, self._resolve, self._timeout_s = reach, resolve, timeout_s
        self._tls = tls or ssl.create_default_context()

    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status. Raises SendError if there was none in time."""
        given = {"Content-Length": str(len(body)), **headers}
        return await self._ask(endpoint, _request("POST", endpoint, given) + body)

    async def get(self, endpoint: Endpoint, headers: Mapping[str, str]) -> Answer:
        """The same for a request without a body."""
        return await self._ask(endpoint, _request("GET", endpoint, headers))

    async def _ask(self, endpoint: Endpoint, request: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(endpoint, request)
        except TimeoutError as err:
            detail = f"no answer from {endpoint.host} within {self._timeout_s:g} s"
            raise SendError(detail, SendErrorKind.RETRY) from err
        except ssl.SSLCertVerificationError as err:
            raise certificate_error(endpoint.host, err) from err
        except asyncio.LimitOverrunError as err:
            detail = f"{endpoint.host} answers with too many headers"
            raise SendError(detail, SendErrorKind.RETRY) from err
        except (OSError, asyncio.IncompleteReadError, http.client.HTTPException) as err:
            detail = f"no answer from {endpoint.host}: {clean_line(str(err) or repr(err))}"
            raise SendError(detail, SendErrorKind.RETRY) from err

    async def _exchange(self, endpoint: Endpoint, request: bytes) -> Answer:
        reader, writer = await self._connect(endpoint)
        try:
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(_HEAD_END)
            return _parse(head, await _read_body(reader, head))
        finally:
            # Not closed but cut: the goodbye of TLS would wait for a peer that says nothing.
            writer.transport.abort()

    async def _connect(
        self, endpoint: Endpoint
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = await self._checked_addresses(endpoint)
        for number, address in enumerate(addresses, start=1):
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    return await asyncio.open_connection(
                        str(address),
                        endpoint.port,
                        limit=_MAX_HEAD_BYTES,
                        ssl=self._tls if endpoint.is_encrypted else None,
                        server_hostname=endpoint.host if endpoint.is_encrypted else None,
                    )
            except ssl.SSLCertVerificationError:
                raise
            except OSError:
                if number == len(addresses):
                    raise
        raise AssertionError("unreachable: there is at least one address")

    async def _checked_addresses(self, endpoint: Endpoint) -> list[IpAddress]:
        found = [
            ipaddress.ip_address(text) for text in await self._resolve(endpoint.host, endpoint.port)
        ]
        allowed = [address for address in found if is_allowed(address, self._reach)]
        if not allowed:
            where = ", ".join(str(address) for address in found[:_MAX_ADDRESSES]) or "no address"
            detail = f"{endpoint.host} leads inward ({where}): refused"
            raise SendError(detail, SendErrorKind.NEXT_CHANNEL)
        return allowed[:_MAX_ADDRESSES]


def certificate_error(host: str, err: ssl.SSLCertVerificationError) -> SendError:
    """A certificate that is not valid yet is our own clock's fault more often than not."""
    kind = SendErrorKind.NEXT_CHANNEL
    if err.verify_code == _NOT_YET_VALID:
        kind = SendErrorKind.OWN_CLOCK
    return SendError(f"{host}'s certificate is refused: {clean_line(err.verify_message)}", kind)


def _request(method: str, endpoint: Endpoint, headers: Mapping[str, str]) -> bytes:
    """The request's head."""
    lines = [
        f"{method} {endpoint.target} HTTP/1.1",
        f"Host: {endpoint.authority}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("ascii") + _HEAD_END


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """What comes of it before it is complete, too long, too late, or the connection is over."""
    wanted_bytes = _MAX_BODY_BYTES
    length = http.client.parse_headers(io.BytesIO(head.partition(b"\r\n")[2])).get("Content-Length")
    if length is not None and length.isdecimal():
        wanted_bytes = min(int(length), _MAX_BODY_BYTES)
    body = bytearray()
    with suppress(TimeoutError, OSError):  # the status is known: that is the answer
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            while len(body) < wanted_bytes:
                piece = await reader.read(wanted_bytes - len(body))
                if not piece:
                    break
                body += piece
    return bytes(body)


class _Bytes:
    """As much of a socket as http.client reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


def _parse(head: bytes, body: bytes) -> Answer:
    """Raises HTTPException if it is not HTTP."""
    response = http.client.HTTPResponse(_Bytes(head + body))  # type: ignore[arg-type]  # reads only
    response.begin()
    try:
        text = response.read(_MAX_BODY_BYTES)
    except http.client.IncompleteRead as err:
        text = err.partial
    wish = response.getheader("Retry-After", "")
    return Answer(
        status=response.status,
        retry_after_s=_seconds(wish),
        body=text.decode("utf-8", errors="replace"),
    )


def _seconds(text: str) -> float | None:
    """Retry-After in seconds; None for a date, which needs two clocks that agree."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return min(float(text), _MAX_RETRY_AFTER_S)


def refusal_kind(status: int) -> SendErrorKind:
    """What can be done about an answer that is no 2xx."""
    if status in _PASSING or status >= 500:
        return SendErrorKind.RETRY
    return SendErrorKind.PERMANENT if status in _OF_MESSAGE else SendErrorKind.NEXT_CHANNEL


def check_taken(answer: Answer, endpoint: Endpoint, *, secrets: Sequence[str] = ()) -> None:
    """Raises SendError unless the answer is a 2xx. What it quotes is cleansed of the secrets."""
    if 200 <= answer.status < 300:
        return
    said = "redirects are not followed" if 300 <= answer.status < 400 else answer.body
    said = without_secrets(said, endpoint.target, secrets)
    said = clean_line(said, max_chars=_MAX_TOLD_CHARS)
    detail = f"{endpoint.host} answers {answer.status}{f': {said}' if said else ''}"
    kind = refusal_kind(answer.status)
    retry_after_s = answer.retry_after_s if kind is SendErrorKind.RETRY else None
    raise SendError(detail, kind, retry_after_s=retry_after_s)
