"""moto's Amazon SES as a process of its own: what was sent can be read back."""

import asyncio
import http.client
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

from tests.rig.processes import Daemon, Reaper, free_tcp_port

_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class SentMail:
    """A mail that SES took."""

    source: str
    recipients: tuple[str, ...]
    mail: EmailMessage

    def part(self, subtype: str) -> str:
        """Its text of this subtype, e.g. "plain"."""
        [found] = [p for p in self.mail.walk() if p.get_content_type() == f"text/{subtype}"]
        return found.get_content()


class MotoServer:
    """A running moto server."""

    def __init__(self) -> None:
        self._reaper = Reaper()
        self.port = free_tcp_port(_ADDRESS)
        self._daemon = Daemon(
            "moto",
            [sys.executable, "-m", "moto.server", "-H", _ADDRESS, "-p", str(self.port)],
            log_path=self._reaper.folder / "moto.log",
            reaper=self._reaper,
            env={**os.environ, "HOME": str(self._reaper.folder)},
        )
        try:
            # Its log is its own: no other server at this port could write there.
            self._daemon.wait_ready(
                lambda: f"Running on {self.url}" in self._daemon.log(), "it listens", timeout_s=60
            )
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """For AWS_ENDPOINT_URL_SESV2."""
        return f"http://{_ADDRESS}:{self.port}"

    def verify(self, address: str) -> None:
        """Makes the address one that may send."""
        self._ask("POST", "/v2/email/identities", json.dumps({"EmailIdentity": address}))

    def reset(self) -> None:
        """Forgets all that was sent, and every identity."""
        self._ask("POST", "/moto-api/reset")

    def sent(self) -> list[SentMail]:
        """The mails that it took, oldest first."""
        found = json.loads(self._ask("GET", "/moto-api/data.json"))
        rows: list[dict[str, Any]] = found.get("ses", {}).get("RawMessage", [])
        return [
            SentMail(
                source=row["source"],
                # moto adds those of the To header to those of the call.
                recipients=tuple(dict.fromkeys(row["destinations"])),
                mail=message_from_string(row["raw_data"], policy=policy.default),
            )
            for row in rows
        ]

    def stop(self) -> None:
        """Ends it."""
        self._daemon.stop()
        self._reaper.close()

    async def forward(self, line: str, headers: Mapping[str, str], body: bytes) -> None:
        """Hands a request on as it came, and returns when it was answered."""
        method, path, _ = line.split(" ")
        await asyncio.to_thread(self._request, method, path, body, dict(headers))

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        headers = {
            "Content-Type": "application/json",
            # moto tells services and regions apart by the signature's scope.
            "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/ses/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }
        return self._request(method, path, (body or "").encode(), headers)

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection(_ADDRESS, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        assert response.status < 300, answer
        return answer
