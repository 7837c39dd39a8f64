"""SMTP: the standard library's client in a thread, which a deadline can end."""

import asyncio
import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP

from ntp_checker.errors import ConfigError, SendError, SendErrorKind
from ntp_checker.message import OutgoingMessage, clean_line
from ntp_checker.model import SmtpSecurity
from ntp_checker.notify.channel import Progress, say_refused
from ntp_checker.notify.http import certificate_error
from ntp_checker.notify.mime import make_mail, sort_addresses

#: RFC 5321, 4.5.3.2, grants minutes; an alert that takes as long is late anyway.
TIMEOUT_S = 20.0
#: For each read and write.
_STEP_TIMEOUT_S = 10.0
_MAX_TOLD_CHARS = 200
_TAKEN = (250, 251)  #: OK; not here, but forwarded
_PERMANENT_FROM = 500


class SmtpChannel:
    """Sends to one server."""

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        security: SmtpSecurity,
        sender: str,
        recipients: tuple[str, ...],
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`tls` None: the system's authorities. Raises ConfigError for a password in the clear."""
        if user is not None and security is SmtpSecurity.NONE:
            raise ConfigError(f"channel {name}: a password needs security starttls or tls")
        self.name, self.recipients = name, recipients
        self._host, self._port, self._security = host, port, security
        self._sender, self._user, self._password = sender, user, password
        self._tls = tls or ssl.create_default_context()
        self._timeout_s = timeout_s
        self._progress = Progress()

    async def send(self, message: OutgoingMessage) -> str:
        """The server's answers, with the recipients that it refused. Raises SendError.

        Where some have it, the others are asked again for half an hour; then it counts as taken.
        """
        good, bad = sort_addresses(self.recipients)
        missing = self._progress.missing(message, good)
        mail = make_mail(message, sender=self._sender, recipients=good)
        try:
            answer, refused = await self._attempt(mail, missing)
        except SendError as err:
            if not self._progress.taken(message):
                raise
            left = dict.fromkeys(missing, err.detail)
            if err.kind is not SendErrorKind.PERMANENT:
                self._progress.check_rest(message, say_refused(left), is_news=False)
            return self._progress.finish(message, left)
        took = [address for address in missing if address not in refused]
        if not took and not self._progress.taken(message):
            raise self._refusal({**refused, **{one: (_PERMANENT_FROM, bad[one]) for one in bad}})
        self._progress.note(message, *took, answer=answer if took else None)
        lasting = {one: why for one, (code, why) in refused.items() if code >= _PERMANENT_FROM}
        self._progress.refuse(message, {**lasting, **bad})
        left = {one: why for one, (code, why) in refused.items() if code < _PERMANENT_FROM}
        if left:
            told = f"{self._host}: {say_refused(left)}"
            self._progress.check_rest(message, told, is_news=bool(took))
        return self._progress.finish(message, left)

    async def _attempt(
        self, mail: EmailMessage, recipients: list[str]
    ) -> tuple[str, dict[str, tuple[int, str]]]:
        """The server's answer, and whom it refused with code and reason. Raises SendError."""
        session = _Session(self._security, self._tls)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.to_thread(self._deliver, session, mail, recipients)
        except TimeoutError as err:
            detail = f"{self._host} did not take the mail within {self._timeout_s:g} s"
            raise SendError(detail, SendErrorKind.RETRY) from err
        except (smtplib.SMTPException, OSError, ValueError) as err:
            raise self._error(err) from err
        finally:
            session.cut()  # a thread that still waits for the server ends now

    def _deliver(
        self, session: "_Session", mail: EmailMessage, recipients: list[str]
    ) -> tuple[str, dict[str, tuple[int, str]]]:
        """One mail for all; the server's answer, and whom it refused with code and reason."""
        try:
            session.open(self._host, self._port)
            session.ehlo_or_helo_if_needed()
            if self._security is SmtpSecurity.STARTTLS:
                session.starttls(context=self._tls)
            if self._user is not None:
                session.login(self._user, self._password or "")
            return self._transfer(session, mail, recipients)
        finally:
            session.close()

    def _transfer(
        self, session: "_Session", mail: EmailMessage, recipients: list[str]
    ) -> tuple[str, dict[str, tuple[int, str]]]:
        code, said = session.mail(self._sender)
        if code != _TAKEN[0]:
            raise smtplib.SMTPSenderRefused(code, said, self._sender)
        refused = {}
        for recipient in recipients:
            code, said = session.rcpt(recipient)
            if code not in _TAKEN:
                refused[recipient] = (code, _words(said))
        if len(refused) == len(recipients):
            return "nobody", refused
        code, said = session.data(mail.as_bytes(policy=SMTP))
        if code != _TAKEN[0]:
            raise smtplib.SMTPDataError(code, said)
        with suppress(smtplib.SMTPException, OSError):  # it has the mail: what follows is manners
            session.quit()
        return _words(said), refused

    def _refusal(self, refused: dict[str, tuple[int, str]]) -> SendError:
        """Nobody took it: whether one of them may later."""
        told = say_refused({one: why for one, (_, why) in refused.items()}) or "no recipient"
        may_pass = any(code < _PERMANENT_FROM for code, _ in refused.values())
        kind = SendErrorKind.RETRY if may_pass else SendErrorKind.PERMANENT
        return SendError(f"{self._host}: {told}", kind)

    def _error(self, err: Exception) -> SendError:
        if isinstance(err, ssl.SSLCertVerificationError):
            return certificate_error(self._host, err)
        if isinstance(err, smtplib.SMTPResponseException):
            # Before the mail itself it is about the account: that can be put right.
            is_mail = isinstance(err, smtplib.SMTPDataError)
            lasting = SendErrorKind.PERMANENT if is_mail else SendErrorKind.NEXT_CHANNEL
            kind = lasting if err.smtp_code >= _PERMANENT_FROM else SendErrorKind.RETRY
            said = err.smtp_error
            words = _words(said if isinstance(said, bytes) else said.encode())
            return SendError(self._without_secret(f"{err.smtp_code} {words}"), kind)
        # SMTPException itself: no way to log in that both sides know.
        is_lasting = type(err) is smtplib.SMTPException or isinstance(
            err, (smtplib.SMTPNotSupportedError, ValueError)
        )
        kind = SendErrorKind.NEXT_CHANNEL if is_lasting else SendErrorKind.RETRY
        return SendError(self._without_secret(clean_line(str(err) or repr(err))), kind)

    def _without_secret(self, said: str) -> str:
        if self._password:
            said = said.replace(self._password, "***")
        return f"{self._host}: {said}"


class _Session(smtplib.SMTP):
    """A session whose connection another thread can cut, whatever it is waiting for."""

    def __init__(self, security: SmtpSecurity, tls: ssl.SSLContext) -> None:
        # Without local_hostname smtplib looks our own name up, which may take half a minute.
        super().__init__(local_hostname=socket.gethostname(), timeout=_STEP_TIMEOUT_S)
        self._security, self._tls = security, tls
        self._line: socket.socket | None = None
        self._is_cut = False

    def open(self, host: str, port: int) -> None:
        """Connects. Raises SMTPConnectError if the server is not ready, OSError."""
        self._host = host  # what starttls() checks the certificate against
        code, said = self.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """As SMTP_SSL does it, with a second handle on the line, which TLS leaves alone."""
        line = socket.create_connection((host, port), timeout)
        self._line = line.dup()
        if self._is_cut:
            self.cut()
        if self._security is SmtpSecurity.TLS:
            return self._tls.wrap_socket(line, server_hostname=host)
        return line

    def cut(self) -> None:
        """Ends the connection now; every read and write on it returns."""
        self._is_cut = True
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError):  # it is over already
                line.shutdown(socket.SHUT_RDWR)
            line.close()


def _words(said: bytes) -> str:
    return clean_line(said.decode("utf-8", errors="replace"), max_chars=_MAX_TOLD_CHARS)
