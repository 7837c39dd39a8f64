"""What can go wrong, by kind. Where each kind ends is said beside it."""

from enum import StrEnum


class NtpCheckerError(Exception):
    """Root of every error this product raises on purpose; its text is for people."""


class ConfigError(NtpCheckerError):
    """A setting is wrong; stops the start. The text names the key and what to do."""


class ProbeError(NtpCheckerError):
    """A look, or a part of it, failed. `collect/probe.py` turns it into a Failure of the Sample."""

    def __init__(self, detail: str, *, stage: str) -> None:
        super().__init__(detail)
        self.detail = detail  #: one sentence with the offending text
        self.stage = stage  #: how far the look had come, e.g. "connect", "host key", "run", "parse"


class Unreachable(ProbeError):
    """No SSH session: refused, no route, silence, not an SSH server."""


class HostKeyRejected(ProbeError):
    """The host's key is not the one in known_hosts (stage "changed") or not there ("unknown")."""


class AuthRejected(ProbeError):
    """The host took none of our keys."""


class CommandFailed(ProbeError):
    """A remote program is missing, not executable, crashed, or ended with an error."""


class ChronydDown(ProbeError):
    """chronyc runs but chronyd does not answer it: "506 Cannot talk to daemon"."""


class DeadlineMissed(ProbeError):
    """The part was not there when the look's time was over."""


class OutputTooLarge(ProbeError):
    """The host sent more bytes than we are willing to hold."""


class MalformedOutput(ProbeError):
    """A field of a program's output is not what its manual says. Names the field and the text."""

    def __init__(self, field: str, text: str) -> None:
        shown = text if len(text) <= 80 else text[:77] + "..."
        super().__init__(f"{field}: {shown!r} is not understood", stage="parse")
        self.field = field


class StoreError(NtpCheckerError):
    """PostgreSQL or the spool could not do it; ends in the writer's loop or in the page's 503."""


class DatabaseAway(StoreError):
    """No connection to PostgreSQL; the text names the setting."""


class SchemaMismatch(StoreError):
    """The database's schema is older or newer than this code; the text names the command."""


class PartitionMissing(StoreError):
    """A sample's day has no partition; the writer makes it and tries again."""


class RowsRefused(StoreError):
    """A value among these rows that PostgreSQL never takes; the writer finds which row it is."""


class ActionRefused(NtpCheckerError):
    """What a person asked for can't be done; ends at the form, in the answer or on the terminal."""

    def __init__(self, text: str, *, field: str | None = None, is_unknown: bool = False) -> None:
        super().__init__(text)
        self.field = field  #: which of the given things is at fault; None: none of them
        self.is_unknown = is_unknown  #: what it was to be done with does not exist


class SendErrorKind(StrEnum):
    """What can be done about a message that a channel did not take."""

    RETRY = "retry"  #: passes by itself: seconds to minutes
    NEXT_CHANNEL = "next_channel"  #: passes in hours, or when a person acts: use the next one now
    PERMANENT = "permanent"  #: the same message will never be taken here
    OWN_CLOCK = "own_clock"  #: refused because this machine's clock is wrong


class SendError(NtpCheckerError):
    """A channel did not take a message; ends in the outbox. Its text never holds a secret."""

    def __init__(
        self, detail: str, kind: SendErrorKind, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail  #: one sentence for people; control characters removed
        self.kind = kind
        self.retry_after_s = retry_after_s  #: the provider's own wish; None if it has none


class PartlyTaken(SendError):
    """Some of a message's recipients have it; the others are to be tried again, alone."""

    def __init__(self, detail: str, *, is_news: bool) -> None:
        super().__init__(detail, SendErrorKind.RETRY)
        self.is_news = is_news  #: somebody took it in this attempt, so the channel works
