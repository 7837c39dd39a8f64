"""What can go wrong, by kind. Where each kind ends is said beside it."""


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


class SchemaMismatch(StoreError):
    """The database's schema is older or newer than this code; the text names the command."""


class PartitionMissing(StoreError):
    """A sample's day has no partition; the writer makes it and tries again."""


class RowsRefused(StoreError):
    """A value among these rows that PostgreSQL never takes; the writer finds which row it is."""


class SendError(NtpCheckerError):
    """A channel did not take a message; ends in the outbox."""

    def __init__(self, detail: str, *, permanent: bool) -> None:
        super().__init__(detail)
        self.permanent = permanent  #: True if trying again can't help
