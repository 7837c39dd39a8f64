"""What this run's newest look at each host came to, as far as it says something of the checker."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ntp_checker.model import Host, JudgedSample, Part

#: A host that may itself be wrong by more can't tell who is, us or it, by a second.
WITNESS_ERROR_BOUND_S = 0.5
#: The host's `date` was read somewhere within the look.
WITNESS_DURATION_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look that is safe in the spool."""

    slot_at: datetime
    is_seen: bool  #: we were logged in
    #: of our own wall clock, positive when it is ahead of the host's; None if this host can't tell
    own_offset_s: float | None


class Sightings:
    """The newest sighting of each host."""

    def __init__(self) -> None:
        self._hosts: dict[str, Sighting] = {}

    def note(self, host: Host, judged: JudgedSample, wall_offset_s: float) -> None:
        """`wall_offset_s`: our wall clock, positive when ahead of the clock that looks go by."""
        sample = judged.sample
        self._hosts[host.name] = Sighting(
            slot_at=sample.slot_at,
            is_seen=sample.failure_of(Part.LOGIN) is None,
            own_offset_s=_own_offset_s(host, judged, wall_offset_s),
        )

    def forget(self, host: str) -> None:
        """Drops what is known of a host that is no longer watched."""
        self._hosts.pop(host, None)

    def of(self, hosts: Iterable[Host], since_at: datetime) -> dict[str, Sighting]:
        """By name, those of these hosts whose newest slot is later than this."""
        found = ((host.name, self._hosts.get(host.name)) for host in hosts)
        return {name: one for name, one in found if one is not None and one.slot_at > since_at}


def _own_offset_s(host: Host, judged: JudgedSample, wall_offset_s: float) -> float | None:
    """None unless the host has a clock other than ours, and its chronyd knows how good it is."""
    sample, error_bound_s = judged.sample, judged.verdict.error_bound_s
    if host.is_local or error_bound_s is None or error_bound_s > WITNESS_ERROR_BOUND_S:
        return None
    if sample.host_time_at is None or sample.taken_at is None or sample.duration_s is None:
        return None
    if sample.duration_s > WITNESS_DURATION_S:
        return None
    looked_s = (sample.taken_at - sample.host_time_at).total_seconds() + sample.duration_s / 2
    return looked_s + wall_offset_s
