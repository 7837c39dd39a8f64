"""Who hears of what, when, and by which way."""

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from ntp_checker.model.alert import Alert, Transition
from ntp_checker.model.words import ProblemCode, Severity


class ChannelKind(StrEnum):
    """The ways a message can take."""

    SES = "ses"
    SMTP = "smtp"
    WEBHOOK = "webhook"
    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    APPRISE = "apprise"


class SmtpSecurity(StrEnum):
    """How an SMTP connection is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One channel as configured; of the fields only those of its kind are used."""

    name: str
    kind: ChannelKind
    sender: str = ""  #: From address of mails
    recipients: tuple[str, ...] = ()
    configuration_set: str | None = None  #: of SES
    tags: tuple[tuple[str, str], ...] = ()  #: of SES, for its events: names and values
    host: str = ""  #: SMTP server
    port: int = 587
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)  #: of webhooks; may hold a token
    urls: tuple[str, ...] = field(default=(), repr=False)  #: of apprise; they hold tokens
    secret: str | None = field(default=None, repr=False)  #: signs webhooks; PagerDuty's routing key
    allow_private: bool = False  #: a webhook may lead to addresses inside
    messages_per_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A weekly time in which messages may be sent; others wait for it."""

    weekdays: frozenset[int]  #: 0 = Monday
    begins: time
    ends: time  #: not included; before `begins`: on the next day
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts go to which channels; an empty set matches all."""

    channels: tuple[str, ...]
    fallback: tuple[str, ...] = ()  #: where a channel can't for long
    groups: frozenset[str] = frozenset()
    severities: frozenset[Severity] = frozenset()
    codes: frozenset[ProblemCode] = frozenset()
    hours: Hours | None = None  #: what is critical is never deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """When nobody is to be told; None matches all."""

    silence_id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_by: str
    host: str | None = None
    group: str | None = None
    code: ProblemCode | None = None
    subject: str | None = None

    def covers(self, *, host: str, group: str | None, code: str, subject: str) -> bool:
        """True if it is about such alerts of a host in this group; time aside."""
        return all(
            wanted is None or wanted == found
            for wanted, found in (
                (self.host, host),
                (self.group, group),
                (self.code, code),
                (self.subject, subject),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRule:
    """A silence as it was set: once, or again and again."""

    silence: Silence  #: the first time, or the only one
    recurrence: str | None = None  #: RFC 5545 rule of its beginnings; None: once
    time_zone: str | None = None  #: whose wall clock the rule goes by; None: once


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSilence:
    """A silence that somebody asks for; None matches all."""

    starts_at: datetime  #: of the first one, if it recurs
    ends_at: datetime  #: of the first one, if it recurs
    reason: str
    created_by: str
    host: str | None = None
    group: str | None = None
    code: ProblemCode | None = None
    subject: str | None = None
    recurrence: str | None = None  #: RFC 5545 rule with an end; None = once
    time_zone: str | None = None  #: whose wall clock the rule means
    is_for_everything: bool = False  #: said explicitly: neither host, group nor code is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One transition for one channel."""

    event_id: UUID
    channel: str
    group_key: str  #: those of one key and channel may share a message
    not_before_at: datetime | None = None  #: None: at once
    suppressed_by: str | None = None  #: why nobody is told; None: to be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A notification that is to be sent now, with what it is about."""

    channel: str
    group_key: str
    attempts: int  #: this one included
    error_kind: str | None = None  #: of the last attempt; None: it is the first, or was undone
    due_for_s: float = 0.0  #: since it might have been sent first
    group: str | None  #: the host's
    transition: Transition
    alert: Alert  #: as it is now
