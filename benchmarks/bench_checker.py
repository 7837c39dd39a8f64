"""One checker process, everything included: looks a second, CPU a look, memory a connection.

Slots, looks over kept channels, judging, spool, writer, `latest`, evidence and rollups, by the
product's own parts, on one core; the hosts' sshd and chronyd and PostgreSQL have the others. The
figure is looks per second of the checker's CPU, at the rate that the hosts' core just bears: on two
cores some 400 looks a second.
"""

import asyncio
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.bench_look import restrict
from ntp_checker.collect.probe import Probe
from ntp_checker.collect.ssh import SshShell
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.cycle import RawKeeper, run_cycle
from ntp_checker.logs import configure_logging
from ntp_checker.model import HasGps, Host
from ntp_checker.resources import sql_path
from ntp_checker.rollup import run_rollups
from ntp_checker.schedule import Clock, Slots, run_slots
from ntp_checker.store.pool import open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.targets import parse_target
from ntp_checker.writer import Writer
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost

HOSTS = 10
NAMES = int(os.environ.get("NTP_CHECKER_BENCH_NAMES", "80"))
INTERVAL_S, DEADLINE_S = 0.2, 5.0
SETTLE_S, MEASURE_S = 3.0, 15.0
WANTED_PER_S = 600.0


def rss_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


async def connect_all(rig: Rig, hosts: list[RigHost], clock: Clock) -> list[Probe]:
    """A connection and a channel for each name, one after the other: the hosts are shared."""
    credentials = SshCredentials(rig.ssh_key_path, rig.known_hosts_path)
    probes = []
    for number in range(NAMES):
        target = parse_target(hosts[number % len(hosts)].target)
        host = Host(
            name=f"n{number}",
            address=target.address,
            port=target.port,
            user=target.user,
            has_gps=HasGps.NO,
        )
        shell = SshShell(host, credentials)
        probe = Probe(host, shell, interval_s=1.0, deadline_s=DEADLINE_S, now=clock.now)
        for _ in range(2):
            sample = await probe.look(clock.now())
            assert sample.failures == (), sample.failures
        probes.append(probe)
    return probes


def stored(url: str) -> tuple[int, int]:
    """Rows, and how many of them tell an offset."""
    with psycopg.connect(url) as conn:
        found = conn.execute(
            "SELECT count(*), count(system_offset_s) FROM metrics.ntp_parent"
            " WHERE slot_at > clock_timestamp() - interval '1 hour'"
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


async def measure(rig: Rig, hosts: list[RigHost], url: str, label: str) -> float:
    clock, stop, raw_keeper = Clock(), asyncio.Event(), RawKeeper()
    before_kib = rss_kib()
    probes = await connect_all(rig, hosts, clock)
    connected_kib = rss_kib()
    with tempfile.TemporaryDirectory(prefix="ntpc-bench-") as folder:
        spool = Spool(Path(folder) / "spool.sqlite")
        pool = await open_checker_pool(url)
        background = [
            asyncio.create_task(Writer(spool, pool).run(stop)),
            asyncio.create_task(run_rollups(pool, stop)),
        ]
        looking = [
            asyncio.create_task(
                run_slots(
                    Slots(probe.host.name, INTERVAL_S),
                    clock,
                    partial(
                        run_cycle,
                        probe,
                        probe.look,
                        gps_interval_s=30.0,
                        lease_epoch=0,
                        spool=spool,
                        raw_keeper=raw_keeper,
                    ),
                )
            )
            for probe in probes
        ]
        await asyncio.sleep(SETTLE_S)
        rows, good = await asyncio.to_thread(stored, url)
        cpu_s, started_s = time.process_time(), time.monotonic()
        await asyncio.sleep(MEASURE_S)
        used_s, wall_s = time.process_time() - cpu_s, time.monotonic() - started_s
        rows_after, good_after = await asyncio.to_thread(stored, url)
        for task in looking:
            task.cancel()
        stop.set()
        await asyncio.gather(*looking, *background, return_exceptions=True)
        for probe in probes:
            await probe.close()
        await pool.close()
        await spool.close()
    rows, good = rows_after - rows, good_after - good
    assert good == rows, f"{rows - good} of {rows} looks failed"
    print(
        f"  {label}: {rows / wall_s:.0f} looks/s stored, {used_s / wall_s:.2f} cores, "
        f"{used_s / rows * 1e3:.2f} ms CPU a look = {rows / used_s:.0f} looks a CPU second; "
        f"{(connected_kib - before_kib) / NAMES:.0f} KiB a kept connection"
    )
    return rows / used_s


def fresh_database(server: PostgresServer) -> str:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        conn.execute("CREATE DATABASE bench")
    applied = server.psql("bench", "-q", "-f", sql_path("schema.sql"))
    assert applied.returncode == 0, applied.stderr
    return server.url("bench")


def main() -> int:
    configure_logging("warning")
    cores = sorted(os.sched_getaffinity(0))
    # The hosts and the database inherit these; the checker then keeps the first to itself.
    os.sched_setaffinity(0, cores[1:] or cores)
    server = PostgresServer()
    try:
        with Rig() as rig:
            hosts = [rig.host(f"h{number}") for number in range(HOSTS)]
            os.sched_setaffinity(0, cores[:1])
            print(f"one checker on one core, {NAMES} connections, a look each {INTERVAL_S:g} s")
            url = fresh_database(server)
            plain = asyncio.run(measure(rig, hosts, url, "plain account"))
            for host in hosts:
                restrict(rig, host)
            asyncio.run(measure(rig, hosts, fresh_database(server), "restricted key"))
    finally:
        server.stop()
    word = "ok" if plain >= WANTED_PER_S else "NOT REACHED"
    print(f"  plain account, wanted {WANTED_PER_S:.0f} looks a second of one core: {word}")
    return 0 if plain >= WANTED_PER_S else 1


if __name__ == "__main__":
    sys.exit(main())
