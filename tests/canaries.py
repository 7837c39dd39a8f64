"""Secrets that would be known again wherever they turned up, and a provider that repeats all."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote


def found_in(text: str, canaries: Mapping[str, str]) -> set[str]:
    """Names of those that stand in it: as they are, as in a URL, or as in a sign-in's head."""
    return {
        name
        for name, secret in canaries.items()
        if any(form in text for form in (secret, quote(secret, safe=""), *_in_base64(secret)))
    }


def _in_base64(secret: str) -> Iterator[str]:
    """What is sure to be in base64 of a text that has it: one form for each place in three bytes."""
    for before in range(3):
        whole = base64.b64encode(b"x" * before + secret.encode()).decode().rstrip("=")
        yield whole[before + 1 if before else 0 : -1]


def command_lines() -> str:
    """Arguments of all processes of this machine, as `ps` shows them."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return "\n".join(lines)


class _Parrot(BaseHTTPRequestHandler):
    """Refuses each request for good, and repeats it whole, and the last piece of its path alone."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        last = self.path.rpartition("/")[2]
        said = f"no {last} here: {self.path} {dict(self.headers)} {body}"
        answer = json.dumps({"message": said}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def parrot() -> Iterator[str]:
    """Runs one on a free port of 127.0.0.1; its address and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Parrot)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
