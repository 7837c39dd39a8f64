"""aiosmtpd with a mailbox that answers as it is told."""

from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.rig.processes import free_tcp_port

PASSWORD = "a-secret-of-the-mail"


class Mailbox:
    """What came, and how to answer: aiosmtpd asks it."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.refusals: dict[str, str] = {}  #: recipient -> answer
        self.data_answer = "250 2.0.0 queued as A1B2"
        self.was_encrypted: list[bool] = []
        self.users: list[bytes] = []

    def text(self) -> str:
        """Subjects and texts of all that came, decoded."""
        found = []
        for envelope in self.envelopes:
            mail = message_from_bytes(envelope.content or b"", policy=policy.default)
            found.append(str(mail["Subject"]))
            parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
            found += [part.get_content() for part in parts]
        return "\n".join(found)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data_answer.startswith("250"):
            self.envelopes.append(envelope)
            self.was_encrypted.append(session.ssl is not None)
        return self.data_answer

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, given: Any):
        """aiosmtpd's authenticator."""
        assert isinstance(given, LoginPassword)
        self.users.append(given.login)
        good = given.password == PASSWORD.encode()
        return AuthResult(success=good, handled=False, auth_data=given)


class MailServer(Controller):
    """aiosmtpd on a free port of 127.0.0.1."""

    def __init__(self, mailbox: Mailbox, **more: Any) -> None:
        super().__init__(mailbox, hostname="127.0.0.1", port=free_tcp_port("127.0.0.1"), **more)
