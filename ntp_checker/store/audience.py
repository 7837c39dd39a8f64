"""What decides, beside the routes, who hears of a transition now. Async."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ntp_checker.store.arrays import text_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNow:
    """How much is going on in one group of hosts."""

    alerts: int = 0  #: on their way to a transition, or had one lately
    hosts: int = 0  #: watched


async def read_groups(
    conn: CheckerConnection, *, at: datetime, lately: timedelta, remind_every: timedelta
) -> Mapping[str, GroupNow]:
    """Each group of hosts by name; "" are the hosts without one."""
    found = await conn.execute(
        load_queries("audience")["groups_now"],
        {
            "since_at": at - lately,
            "reminded_from_at": at - remind_every - 2 * lately,
            "reminded_to_at": at - remind_every + lately,
        },
    )
    return {
        name: GroupNow(alerts=int(alerts), hosts=int(hosts))
        for name, alerts, hosts in await found.fetchall()
    }


async def read_withheld(
    conn: CheckerConnection, group_names: Iterable[str], *, told_since_at: datetime
) -> Mapping[str, int]:
    """For each of these groups how many of its open alerts are withheld, or were until lately."""
    found = await conn.execute(
        load_queries("audience")["withheld_now"],
        {"group_names": text_array(group_names), "told_since_at": told_since_at},
    )
    return dict(await found.fetchall())


async def read_left_hosts(conn: CheckerConnection, owner: str) -> Mapping[int, int]:
    """Epoch by host, of those of this owner that are watched no more while alerts of them live."""
    found = await conn.execute(load_queries("audience")["left_hosts"], {"owner": owner})
    return dict(await found.fetchall())
