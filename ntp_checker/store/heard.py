"""A host's alerts with those who heard of them, for whoever can't ask the database later. Async."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ntp_checker.known_alerts import KnownAlert, KnownHost
from ntp_checker.model import Alert, AlertKey, AlertState, ProblemCode
from ntp_checker.store.alerts import HostAlerts
from ntp_checker.store.arrays import integer_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

#: By host's number, code, subject and first bad slot: the channels as `KnownAlert` has them.
_Heard = dict[tuple[int, AlertKey, datetime], dict[str, datetime | None]]


async def with_hearers(
    conn: CheckerConnection, states: Mapping[int, HostAlerts], names: Mapping[int, str]
) -> dict[str, KnownHost]:
    """These alerts by the host's name, `names` being by number, with who heard of each so far."""
    asked = [host_id for host_id, state in states.items() if any(map(_may_end, _all(state)))]
    heard = await _read_heard(conn, asked, names) if asked else {}
    return {
        names[host_id]: KnownHost(
            judged_until_at=state.judged_until_at,
            alerts=tuple(
                KnownAlert(
                    alert=alert, told=heard.get((host_id, alert.key, alert.first_bad_slot_at), {})
                )
                for alert in _all(state)
            ),
        )
        for host_id, state in states.items()
        if state.judged_until_at is not None
    }


def _all(state: HostAlerts) -> Iterable[Alert]:
    return (*state.live.values(), *state.recent.values())


def _may_end(alert: Alert) -> bool:
    """True if there may be an end to tell of those who heard: of it, or of its flapping."""
    return alert.state is AlertState.OPEN or alert.flapping_since_at is not None


async def _read_heard(
    conn: CheckerConnection, host_ids: Iterable[int], names: Mapping[int, str]
) -> _Heard:
    heard: _Heard = {}
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(load_queries("heard")["heard"], {"host_ids": integer_array(host_ids)})
        for host_id, code, subject, began_at, channel, waits_until_at in await cursor.fetchall():
            key = AlertKey(host=names[host_id], code=ProblemCode(code), subject=subject)
            heard.setdefault((host_id, key, began_at), {})[channel] = waits_until_at
    return heard
