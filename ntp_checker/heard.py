"""What a channel has heard of an alert, and what that makes of what it is yet to hear. Pure."""

from dataclasses import dataclass
from datetime import datetime

from ntp_checker.model import Notification, Severity, Transition, TransitionKind

#: Those that were told are told the end, by the same ways.
ENDINGS = frozenset({TransitionKind.EASED, TransitionKind.RESOLVED})
#: Why an earlier notification is not sent any more: it would be read as news.
OVERTAKEN = "what happened to the alert later was told before this was due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A channel that heard, or is about to hear, of an alert."""

    until_at: datetime | None = (
        None  #: its last notification still waits for this; None: it is gone
    )
    group_key: str = ""  #: of the one that waits
    #: It was told of something critical, or is to be: then `until_at` and `group_key` are of the
    #: last of these, and hours hold its end back no more.
    is_critical: bool = False


def heard_of(before: Told | None, transition: Transition, notification: Notification) -> Told:
    """What a channel has heard with this one, that is not suppressed, after what it had before."""
    is_critical = transition.severity is Severity.CRITICAL
    if before is not None and before.is_critical and not is_critical:
        return before
    return Told(
        until_at=notification.not_before_at,
        group_key=notification.group_key,
        is_critical=is_critical,
    )


def overtakes(later: Transition, earlier: Transition) -> bool:
    """True if `earlier` is no news to whoever was told `later`, sooner: an end, or what is worse.

    As the outbox's statement of this name has it.
    """
    is_same = (later.key, later.first_bad_slot_at) == (earlier.key, earlier.first_bad_slot_at)
    is_critical, was_critical = (one.severity is Severity.CRITICAL for one in (later, earlier))
    return (
        is_same
        and earlier.ordinal < later.ordinal
        and (later.kind in ENDINGS or (is_critical and not was_critical))
    )
