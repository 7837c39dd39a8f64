"""Alerts and their transitions. Async.

For the holder of a host's lease only, in the transaction that moves `latest`, and before it does:
what `latest` says then is up to which slot the host was judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ntp_checker.model import Alert, AlertKey, AlertState, Transition
from ntp_checker.store.alert_rows import (
    alert_from_row,
    alert_to_row,
    rows_as_json,
    transition_to_row,
)
from ntp_checker.store.arrays import integer_array
from ntp_checker.store.last_good import note_last_good
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAlerts:
    """What a host's next sample meets."""

    live: dict[AlertKey, Alert]  #: pending and open ones
    recent: dict[AlertKey, Alert]  #: of each key the one that closed last, to tell flapping
    judged_until_at: datetime | None = (
        None  #: slot of the last sample judged; None before the first
    )

    def as_of(self, slot_at: datetime) -> "HostAlerts | None":
        """The same after this slot; None where there are neither live nor recent ones."""
        if not self.live and not self.recent:
            return None
        return replace(self, judged_until_at=max(self.judged_until_at or slot_at, slot_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class StorableAdvance:
    """What samples of one host made of its alerts, on the way into the database."""

    host_id: int
    lease_epoch: int  #: of the lease that is held
    alerts: Sequence[Alert]  #: each that changed, as it is now; of one alert the last is taken
    transitions: Sequence[Transition]


async def read_live(
    conn: CheckerConnection, host_ids: Iterable[int], *, closed_since_at: datetime
) -> Mapping[int, HostAlerts]:
    """The alerts of each of these hosts; `recent` are those that closed at this slot or later.

    Until the transaction's end nobody else changes what is live, so no acknowledgement is lost.
    Raises ValueError for a code this release does not know.
    """
    given = sorted(set(host_ids))
    queries = load_queries("alerts")
    wanted = {"host_ids": integer_array(given), "closed_since_at": closed_since_at}
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(queries["lock_live"], wanted)
        live = _by_host(await cursor.fetchall())
        await cursor.execute(queries["read_closed"], wanted)
        recent = _by_host(await cursor.fetchall())
        await cursor.execute(queries["judged_until"], wanted)
        judged: dict[int, datetime] = dict(await cursor.fetchall())
    return {
        host_id: HostAlerts(
            live=live.get(host_id, {}),
            recent=recent.get(host_id, {}),
            judged_until_at=judged.get(host_id),
        )
        for host_id in given
    }


async def store_advances(
    conn: CheckerConnection, advances: Iterable[StorableAdvance]
) -> list[Transition]:
    """Those of the transitions that were not there yet, in the order they were given.

    Afterwards each alert is as given, a pending one that closed without having been open is gone,
    each transition has its row, and what opens knows when it was last good.
    """
    alerts: dict[tuple[int, AlertKey, datetime], tuple[StorableAdvance, Alert]] = {}
    events: list[dict[str, Any]] = []
    of_hosts: list[tuple[int, Transition]] = []
    transitions: dict[str, Transition] = {}
    for advance in advances:
        for alert in advance.alerts:
            alerts[advance.host_id, alert.key, alert.first_bad_slot_at] = (advance, alert)
        for transition in advance.transitions:
            transitions.setdefault(str(transition.event_id), transition)
            events.append(transition_to_row(advance.host_id, transition))
            of_hosts.append((advance.host_id, transition))
    kept: list[dict[str, Any]] = []
    silent: list[dict[str, Any]] = []
    for advance, alert in alerts.values():
        never_opened = alert.state is AlertState.CLOSED and alert.opened_at is None
        (silent if never_opened else kept).append(
            alert_to_row(advance.host_id, advance.lease_epoch, alert)
        )
    queries = load_queries("alerts")
    if silent:
        await conn.execute(queries["delete_silent"], {"rows": rows_as_json(silent)})
    if kept:
        await conn.execute(queries["update_alerts"], {"rows": rows_as_json(kept)})
        await conn.execute(queries["insert_alerts"], {"rows": rows_as_json(kept)})
    if not events:
        return []
    inserted = await conn.execute(queries["insert_events"], {"rows": rows_as_json(events)})
    await note_last_good(conn, of_hosts)
    are_new = {str(event_id) for (event_id,) in await inserted.fetchall()}
    return [transition for event_id, transition in transitions.items() if event_id in are_new]


def _by_host(rows: Iterable[Sequence[Any]]) -> dict[int, dict[AlertKey, Alert]]:
    found: dict[int, dict[AlertKey, Alert]] = {}
    for host_id, *columns in rows:
        alert = alert_from_row(columns)
        found.setdefault(host_id, {})[alert.key] = alert
    return found
