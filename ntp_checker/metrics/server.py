"""The metrics listener: a small HTTP server in a thread and a loop of its own.

One thread serves all clients and one more puts the text together, so slow clients pile up
nothing, and the checker's loop waits for neither. Each connection is for one request.
"""

import asyncio
import gzip
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Self

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

log = structlog.get_logger()

#: From the connection to the last byte of the answer.
CLIENT_LIMIT_S = 10.0
#: One more, and the connection that has been open for longest is dropped.
CONNECTIONS_MAX = 64
HEAD_MAX_BYTES = 16 * 1024
#: As on the pages: higher levels cost more time than they save on the wire.
_GZIP_LEVEL = 1
_TEXT = "text/plain; charset=utf-8"
_STOP_S = 2.0


class MetricsServer:
    """Serves `/metrics` from a registry, and each probe: 200 where it is true, else 503.

    Takes over a socket that listens already: a process that replaces this one may have it, too.
    Probes are asked in the server's thread and must answer at once.
    """

    def __init__(
        self,
        listener: socket.socket,
        registry: CollectorRegistry,
        probes: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        self._listener = listener
        self._registry = registry
        self._probes = dict(probes or {})
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._is_serving = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._open: dict[asyncio.Transport, None] = {}
        self._renderer = ThreadPoolExecutor(1, thread_name_prefix="metrics text")

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serves from now on."""
        log.info("metrics are served", port=self.port, probes=sorted(self._probes))
        self._thread.start()
        self._is_serving.wait()

    def stop(self) -> None:
        """Ends it, with what is being answered."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)
        self._renderer.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._is_serving.set()
            self._listener.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(
            self._serve_client, sock=self._listener, limit=HEAD_MAX_BYTES
        )
        self._is_serving.set()
        await self._stop.wait()
        server.close()

    async def _serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        transport = writer.transport
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"not a connection: {transport!r}")
        if len(self._open) >= CONNECTIONS_MAX:
            next(iter(self._open)).abort()
        self._open[transport] = None
        transport.set_write_buffer_limits(high=0)  # drained is sent, to the last byte
        try:
            async with asyncio.timeout(CLIENT_LIMIT_S):
                writer.write(await self._answer(await reader.readuntil(b"\r\n\r\n")))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (
            TimeoutError,
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ) as err:
            log.debug("metrics client dropped", reason=type(err).__name__)
        finally:
            self._open.pop(transport, None)
            transport.abort()

    async def _answer(self, head: bytes) -> bytes:
        request, *lines = head.decode("latin-1").split("\r\n")
        words = request.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST, b"not understood\n")
        method, path = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET\n", Allow="GET, HEAD")
        if path == "/metrics":
            answer = await self._metrics(headers)
        elif path in self._probes:
            is_so = self._probes[path]()
            status = HTTPStatus.OK if is_so else HTTPStatus.SERVICE_UNAVAILABLE
            answer = _response(status, b"ok\n" if is_so else b"not ok\n")
        else:
            answer = _response(HTTPStatus.NOT_FOUND, b"not here\n")
        return answer if method == "GET" else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    async def _metrics(self, headers: Mapping[str, str]) -> bytes:
        accept, accept_encoding = headers.get("accept", ""), headers.get("accept-encoding", "")
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._renderer, self._render, accept, "gzip" in accept_encoding
            )
        except Exception:
            log.exception("metrics could not be put together")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR, b"see the log\n")

    def _render(self, accept: str, takes_gzip: bool) -> bytes:
        encode, content_type = choose_encoder(accept)
        body = encode(self._registry)
        if not takes_gzip:
            return _response(HTTPStatus.OK, body, content_type)
        packed = gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
        return _response(HTTPStatus.OK, packed, content_type, **{"Content-Encoding": "gzip"})


def _response(status: HTTPStatus, body: bytes, content_type: str = _TEXT, **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
