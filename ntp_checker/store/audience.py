"""What decides, beside the routes, who hears of a transition now. Async."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ntp_checker.store.arrays import text_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNow:
    """How much is going on in one group of hosts."""

    alerts: int  #: pending, or opened lately
    hosts: int  #: watched


async def read_groups(
    conn: CheckerConnection, group_names: Iterable[str], *, opened_since_at: datetime
) -> Mapping[str, GroupNow]:
    """Each of these groups by name; "" are the hosts without one."""
    found = await conn.execute(
        load_queries("audience")["groups_now"],
        {"group_names": text_array(group_names), "opened_since_at": opened_since_at},
    )
    return {
        name: GroupNow(alerts=alerts, hosts=hosts) for name, alerts, hosts in await found.fetchall()
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
