"""What explains an alert already, on its own host or at the hosts that are its sources."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from ntp_checker.model import Alert, Transition
from ntp_checker.routing import inhibitor
from ntp_checker.store.explanations import read_troubles
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.upstream import explanation, lost_sources


async def read_explanations(
    conn: CheckerConnection,
    transitions: Sequence[Transition],
    live: Mapping[str, Sequence[Alert]],
    hosts_at: Mapping[str, frozenset[str]],
) -> Mapping[UUID, str]:
    """What explains those of these transitions that something explains, by event.

    `live` are the alerts of each host by its name; `hosts_at` the watched hosts by address. Other
    hosts' alerts are read only where one of them has the address of a source that is lost.
    """
    found: dict[UUID, str] = {}
    lost: list[tuple[Transition, tuple[str, ...]]] = []
    for one in transitions:
        of_host = live.get(one.key.host, ())
        if (by_own := inhibitor(one.key, of_host)) is not None:
            found[one.event_id] = by_own
        elif addresses := lost_sources(one.key, of_host):
            lost.append((one, addresses))
    names = {name for _, lost_by in lost for at in lost_by for name in hosts_at.get(at, ())}
    troubles = await read_troubles(conn, names) if names else ()
    for one, addresses in lost:
        by_sources = explanation(
            one.key, one.first_bad_slot_at, addresses, hosts_at=hosts_at, troubles=troubles
        )
        if by_sources is not None:
            found[one.event_id] = by_sources
    return found
