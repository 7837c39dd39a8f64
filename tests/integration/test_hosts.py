"""Hosts, their settings and the rights that are needed to keep them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ntp_checker.errors import ConfigError
from ntp_checker.maintenance import maintain_once
from ntp_checker.model import HasGps, Host
from ntp_checker.store.hosts import hosts_with_gps, note_configs, note_gps, sync_hosts
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer
from tests.postgres import PostgresServer
from tests.sample_factory import judged_sample
from tests.stored_samples import Conn, rows, take

pytestmark = pytest.mark.asyncio


async def test_hosts_that_leave_are_marked_and_learnt_gps_stays(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    await take(checker_pool, "a", "b")
    conn.execute("UPDATE metrics.host SET has_gps = 'yes' WHERE name = 'a'")

    ids = await take(checker_pool, "a", "c")
    async with checker_pool.connection() as async_conn:
        again = await sync_hosts(async_conn, [Host(name="b", address="b2", has_gps=HasGps.NO)])

    assert ids.keys() == {"a", "c"}
    found = conn.execute(
        "SELECT host_id, name, target, has_gps, removed_at IS NULL FROM metrics.host ORDER BY name"
    ).fetchall()
    assert [row[1:] for row in found] == [
        ("*", "", "no", True),
        ("a", "a", "yes", False),
        ("b", "b2", "no", True),
        ("c", "c", "auto", False),
    ]
    assert again == {"b": found[2][0]}


async def test_host_with_the_fleets_name_is_refused(checker_pool: CheckerPool) -> None:
    with pytest.raises(ConfigError, match=r"\*"):
        await take(checker_pool, "*")


async def test_gps_that_was_learnt_is_known_but_for_hosts_whose_settings_say_no(
    checker_pool: CheckerPool,
) -> None:
    hosts = [
        Host(name="auto", address="a"),
        Host(name="learnt", address="b"),
        Host(name="no", address="c", has_gps=HasGps.NO),
        Host(name="yes", address="d", has_gps=HasGps.YES),
    ]
    async with checker_pool.connection() as async_conn:
        ids = await sync_hosts(async_conn, hosts)
        await note_gps(async_conn, ["learnt", "no", "unheard-of"])
        await sync_hosts(async_conn, hosts)

        assert await hosts_with_gps(async_conn, ids) == {"learnt", "yes"}


async def test_group_of_a_host_is_that_of_the_settings(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    async with checker_pool.connection() as async_conn:
        for groups in (("roof", None), ("cellar", "roof")):
            hosts = [
                Host(name=name, address=name, group=group)
                for name, group in zip("ab", groups, strict=True)
            ]
            await sync_hosts(async_conn, hosts)
            found = conn.execute(
                "SELECT group_name FROM metrics.host WHERE host_id <> 0 ORDER BY name"
            ).fetchall()

            assert [group for (group,) in found] == list(groups)


async def test_host_config_gets_a_row_only_when_it_changes(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    host = Host(name="h", address="h")
    changed = replace(host, limits=replace(host.limits, offset_warning_s=0.001))
    async with checker_pool.connection() as async_conn:
        ids = await sync_hosts(async_conn, [host])
        for wanted in (host, host, changed, changed):
            await note_configs(async_conn, [wanted], ids, interval_s=30.0)

    found = conn.execute(
        "SELECT (config->'limits'->>'offset_warning_s')::float8, (config->>'interval_s')::float8"
        " FROM metrics.host_config ORDER BY valid_from"
    ).fetchall()
    assert found == [(0.01, 30.0), (0.001, 30.0)]


async def test_writer_role_that_owns_nothing_can_do_the_checkers_whole_work(
    postgres: PostgresServer, database: str, conn: Conn, spool: Spool
) -> None:
    conn.execute("CREATE ROLE ntp_checker_writer LOGIN")
    try:
        conn.execute("SELECT metrics.grant_access()")
        pool = await open_checker_pool(postgres.url(database, "ntp_checker_writer"))
        host = Host(name="h", address="h")
        epochs = await take(pool, host.name)
        async with pool.connection() as writing:
            ids = await sync_hosts(writing, [host])
            await note_configs(writing, [host], ids, interval_s=30.0)
        await spool.append(judged_sample("h", datetime(2031, 1, 1, tzinfo=UTC)), epochs["h"])
        await Writer(spool, pool).write_once()
        outcomes = await maintain_once(pool, retention_days=90, premake_days=15)
        await pool.close()
        stored = len(rows(conn))
    finally:
        conn.execute("DROP OWNED BY ntp_checker_writer")
        conn.execute("DROP ROLE ntp_checker_writer")

    assert stored == 1
    assert outcomes[-1].outcome == "created"
