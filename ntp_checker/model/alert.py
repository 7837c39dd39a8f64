"""Problems with a life, and what is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ntp_checker.model.words import ProblemCode, Severity

#: AlertKey.host of what is about the checker itself.
CHECKER = "*"


class AlertState(StrEnum):
    """PENDING is not bad often enough yet, and nobody is told."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"


class TransitionKind(StrEnum):
    """What can happen to an alert; each is a row, and what people may be told."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"
    REMINDED = "reminded"
    RESOLVED = "resolved"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertKey:
    """What an alert is about: at most one that is not closed for each."""

    host: str  #: name; CHECKER for the checker itself
    code: ProblemCode
    subject: str = ""  #: as in Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Someone has taken an alert on; it ends when the alert worsens or closes."""

    by: str
    at: datetime
    until_at: datetime | None = None  #: None: no end of its own
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One problem from its first bad slot to its end."""

    key: AlertKey
    state: AlertState
    severity: Severity  #: as of the last slot that was bad; WARNING or CRITICAL
    first_bad_slot_at: datetime
    last_slot_at: datetime  #: the last slot with a Judgement on it
    last_good_slot_at: datetime | None = None  #: before it began; None if unknown
    opened_at: datetime | None = None  #: slot; None while pending
    closed_at: datetime | None = None  #: slot; None while not closed
    bad_in_a_row: int = 0
    #: good looks on the clear side of the clear limit; after a bad look (bad_in_a_row > 0) the
    #: warnings on the clear side of the limit that made it critical
    good_in_a_row: int = 0
    last_ordinal: int = 0  #: transitions so far
    value: float | None = None  #: found last, in `unit`
    peak_value: float | None = None  #: the worst that was found
    limit: float | None = None  #: what `value` was held against; of `severity` while it is live
    unit: str = ""
    reason: str = ""  #: one sentence, as of the last bad Judgement
    #: openings and closings of the last day that tell flapping, oldest first; the newest few only
    changed_at: tuple[datetime, ...] = ()
    flapping_since_at: datetime | None = None
    #: when people were last told; None while open: nobody was, it is withheld or flaps
    reminded_at: datetime | None = None
    acknowledgement: Acknowledgement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of an alert's life."""

    event_id: UUID  #: of key, first bad slot, kind and ordinal: the same on every path
    key: AlertKey
    kind: TransitionKind
    ordinal: int  #: within the alert, from 1
    first_bad_slot_at: datetime  #: of the alert
    slot_at: datetime  #: that brought it about
    severity: Severity  #: after it
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    reason: str  #: one sentence for people
    is_quiet: bool = False  #: for the record only: it flaps, or eases while someone has it


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """When a problem becomes an alert, and when it is over."""

    bad_looks: int = 3  #: in a row until it opens
    bad_looks_of: Mapping[ProblemCode, int] = field(
        default_factory=lambda: {ProblemCode.HOST_KEY_CHANGED: 1}
    )
    good_looks: int = 2  #: in a row, on the clear side, until it closes
    clear_ratio: float = 0.8  #: of the limit: a measured quantity above it is not clear yet
    flapping_changes: int = 6  #: openings and closings within a day
    flapping_quiet: timedelta = timedelta(hours=1)  #: without a change until it is over
    remind_every: timedelta = timedelta(hours=4)
