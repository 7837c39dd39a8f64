"""What the spool is to know of alerts, should the database go away after this batch. Async."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ntp_checker.heard import Told
from ntp_checker.known_alerts import Known, KnownAlert, KnownHost
from ntp_checker.model import Alert, AlertKey, AlertState, ProblemCode
from ntp_checker.store.alerts import HostAlerts
from ntp_checker.store.arrays import integer_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries
from ntp_checker.store.silences import read_rules

#: By host's number, code, subject and first bad slot: the channels as `KnownAlert` has them.
_Heard = dict[tuple[int, AlertKey, datetime], dict[str, Told]]


async def read_known(
    conn: CheckerConnection,
    states: Mapping[int, HostAlerts | None],
    ids: Mapping[str, int],
    at: datetime,
) -> Known:
    """These hosts' alerts with who heard of each so far, and the silences that are not over `at`.

    `states` are by the host's number, `ids` the numbers by name.
    """
    names = {host_id: name for name, host_id in ids.items()}
    asked = [
        host_id
        for host_id, state in states.items()
        if state is not None and any(map(_may_end, _all(state)))
    ]
    heard = await _read_heard(conn, asked, names) if asked else {}
    return Known(
        hosts={
            names[host_id]: None if state is None else _known_host(host_id, state, heard)
            for host_id, state in states.items()
        },
        silences=tuple(await read_rules(conn, at)),
    )


def _known_host(host_id: int, state: HostAlerts, heard: _Heard) -> KnownHost:
    return KnownHost(
        judged_until_at=state.judged_until_at,
        alerts=tuple(
            KnownAlert(
                alert=alert, told=heard.get((host_id, alert.key, alert.first_bad_slot_at), {})
            )
            for alert in _all(state)
        ),
    )


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
        for host_id, code, subject, began_at, channel, *waits in await cursor.fetchall():
            key = AlertKey(host=names[host_id], code=ProblemCode(code), subject=subject)
            until_at, group_key, is_critical = waits
            heard.setdefault((host_id, key, began_at), {})[channel] = Told(
                until_at=until_at, group_key=group_key, is_critical=is_critical
            )
    return heard
