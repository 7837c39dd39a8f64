"""A message as a mail, the same for SES and SMTP."""

from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from ntp_checker.errors import SendError, SendErrorKind
from ntp_checker.message import OutgoingMessage, clean_line

#: Longer lines of a subject are cut by programs that show them.
_MAX_SUBJECT_CHARS = 200
#: Event ids in headers; all of them, up to a bound, stand in the text.
_MAX_EVENT_HEADERS = 50
_MAX_ADDRESS_CHARS = 100
_SENDER_NAME = "NTP Checker"


def sort_addresses(recipients: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Those that a header can hold, and the others with the reason."""
    good, bad = [], {}
    for recipient in recipients:
        try:
            _address(recipient)
        except SendError as err:
            bad[recipient] = err.detail
        else:
            good.append(recipient)
    return tuple(good), bad


def _address(text: str, name: str = "") -> Address:
    try:
        return Address(display_name=name, addr_spec=text)
    except Exception as err:
        detail = f"not a mail address: {clean_line(text, max_chars=_MAX_ADDRESS_CHARS)}"
        raise SendError(detail, SendErrorKind.PERMANENT) from err


def make_mail(message: OutgoingMessage, *, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Text first, its HTML twin beside it, and the headers that tie an alert's mails together.

    SES puts its own Message-ID and Date in, so a thread hangs on a root that was never sent: each
    mail of an alert, the first too, refers to it. Raises SendError (permanent) for an address that
    no header can hold.
    """
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender, _SENDER_NAME)
    mail["To"] = [_address(recipient) for recipient in recipients]
    mail["Subject"] = clean_line(message.title, max_chars=_MAX_SUBJECT_CHARS)
    mail["Date"] = format_datetime(message.made_at)
    mail["Message-ID"] = f"<{message.message_id}@{domain}>"
    if message.thread_key is not None:
        root = f"<alert.{message.thread_key}@{domain}>"
        mail["References"] = root
        mail["In-Reply-To"] = root
    mail["List-Id"] = f"{_SENDER_NAME} alerts <alerts.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-NTP-Checker-Message-Id"] = str(message.message_id)
    mail["X-NTP-Checker-State"] = message.state
    for event_id in message.event_ids[:_MAX_EVENT_HEADERS]:
        mail["X-NTP-Checker-Event-Id"] = str(event_id)
    mail.set_content(message.text, cte="quoted-printable")
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail
