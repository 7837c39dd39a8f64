"""The hosts that are or were watched, and their numbers. Async."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import orjson

from ntp_checker.errors import ConfigError
from ntp_checker.model import Host
from ntp_checker.store.arrays import text_array
from ntp_checker.store.pool import CheckerConnection
from ntp_checker.store.queries import load_queries

#: Name of host 0, which stands for the fleet and the checker itself.
FLEET_NAME = "*"
FLEET_ID = 0


async def sync_hosts(conn: CheckerConnection, hosts: Sequence[Host]) -> dict[str, int]:
    """Number of each host by name; afterwards these, and no others, are the watched ones.

    Hosts that left keep their number and samples and are marked as removed. `has_gps` that was
    learnt as yes stays yes under auto. Raises ConfigError for the reserved name.
    """
    if any(host.name == FLEET_NAME for host in hosts):
        raise ConfigError(f"a host cannot be named {FLEET_NAME}: that stands for the whole fleet")
    queries = load_queries("hosts")
    names = [host.name for host in hosts]
    given = {
        "names": names,
        "targets": [host.target for host in hosts],
        "roles": [host.role.value for host in hosts],
        "has_gps": [host.has_gps.value for host in hosts],
        "group_names": [host.group for host in hosts],
    }
    async with conn.transaction():
        await conn.execute(queries["update_known"], given)
        await conn.execute(queries["insert_new"], given)
        await conn.execute(queries["mark_removed"], given)
        return await _ids_by_name(conn, names)


async def hosts_with_gps(conn: CheckerConnection, names: Iterable[str]) -> set[str]:
    """Those of these hosts whose GPS is known, by their settings or because it was learnt."""
    found = await conn.execute(load_queries("hosts")["hosts_with_gps"], {"names": list(names)})
    return {name for (name,) in await found.fetchall()}


async def note_gps(conn: CheckerConnection, names: Iterable[str]) -> None:
    """Afterwards these hosts have GPS for good, but for those whose settings say no."""
    await conn.execute(load_queries("hosts")["note_gps"], {"names": list(names)})


async def note_configs(
    conn: CheckerConnection, hosts: Sequence[Host], ids: Mapping[str, int], *, interval_s: float
) -> None:
    """Afterwards the newest `host_config` of each host says what is in force from now on.

    `ids` is what `sync_hosts` returned; `interval_s` is the time between two looks.
    """
    configs = [
        {
            "interval_s": interval_s,
            "role": host.role.value,
            "has_gps": host.has_gps.value,
            "limits": asdict(host.limits),
        }
        for host in hosts
    ]
    await conn.execute(
        load_queries("hosts")["note_configs"],
        {
            "host_ids": [ids[host.name] for host in hosts],
            "configs": [orjson.dumps(config).decode() for config in configs],
        },
    )


async def host_ids(conn: CheckerConnection, names: Iterable[str]) -> dict[str, int]:
    """Number of each of these hosts, watched or not; one that is new here is made, as removed."""
    wanted = set(names)
    ids = await _ids_by_name(conn, wanted)
    missing = sorted(wanted - ids.keys())
    if missing:
        await conn.execute(
            load_queries("hosts")["insert_unwatched"], {"names": text_array(missing)}
        )
        ids = await _ids_by_name(conn, wanted)
    return ids


async def _ids_by_name(conn: CheckerConnection, names: Iterable[str]) -> dict[str, int]:
    found = await conn.execute(load_queries("hosts")["ids_by_name"], {"names": text_array(names)})
    return dict(await found.fetchall())
