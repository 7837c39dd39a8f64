"""What goes into a message, and what comes out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from ntp_checker.model import AlertKey, Severity, Status, Transition, TransitionKind

#: Of every identity that is made from an alert or its events; drawn once, never to be changed.
_NAMESPACE = UUID("6d0cf1b5-5b61-4d1e-9a0c-2f7f3f1ad0e4")


class MessageState(StrEnum):
    """Whether anything that a message is about still holds."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLine:
    """One of the last samples of a host, in short."""

    taken_at: datetime
    status: Status
    offset_s: float | None  #: system offset, positive = clock ahead; None if it is not known
    error_bound_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTelling:
    """The message in which a channel heard of an alert first."""

    message_id: UUID
    alerts: int  #: of which it told first and that went on then, a count
    open_alerts: int  #: those of them that are not over now


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotice:
    """One transition with what a person needs to act on it."""

    transition: Transition
    group: str | None = None  #: the host's
    target: str | None = (
        None  #: where it is looked at: `[user@]host[:port]`, `local`; None: unknown
    )
    peak_value: float | None = None  #: the worst that was found, in the transition's unit
    last_good_slot_at: datetime | None = None  #: before it began; None if unknown
    selected_source: str | None = None  #: in words; None = none, or not known
    gps: str | None = None  #: in words; None = not had
    changes_before: tuple[str, ...] = ()  #: one sentence each, newest first
    samples: tuple[SampleLine, ...] = ()  #: oldest first; the last five are shown
    told_first: FirstTelling | None = None  #: None: never before on this channel, or not known
    was: str | None = None  #: of the end of an alert: what was found when it was bad last

    @property
    def is_resolved(self) -> bool:
        """True for the end of an alert."""
        return self.transition.kind is TransitionKind.RESOLVED

    @property
    def thread_key(self) -> str:
        """What ties all messages of one alert together."""
        return thread_key(self.transition.key, self.transition.first_bad_slot_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """What a channel is to send. Recipients are the channel's own."""

    message_id: UUID
    thread_key: str | None  #: the alert's; None where several alerts share a message
    title: str  #: one clean line
    text: str
    html: str | None  #: says the same as `text`
    event_ids: tuple[UUID, ...]  #: every transition that it covers
    severity: Severity  #: the worst of what still holds, else of what held
    state: MessageState
    made_at: datetime
    notices: tuple[AlertNotice, ...] = ()  #: one per alert, its newest; worst first
    public_url: str | None = None  #: of the dashboard, without a slash at its end


def thread_key(key: AlertKey, first_bad_slot_at: datetime) -> str:
    """The same for all messages of one alert, another for the next alert on the same thing."""
    begun = first_bad_slot_at.astimezone(UTC).isoformat()
    return str(uuid5(_NAMESPACE, repr((key.host, key.code.value, key.subject, begun))))


def identity_of(event_ids: tuple[UUID, ...]) -> UUID:
    """The same for the same events, whoever asks."""
    return uuid5(_NAMESPACE, " ".join(sorted(str(event_id) for event_id in event_ids)))
