"""90 days at 30 s of 100 hosts, loaded by COPY: what a chart's data takes to read, and the rollups.

Takes a quarter of an hour; `NTP_CHECKER_BENCH_DAYS` and `NTP_CHECKER_BENCH_HOSTS` make it smaller.
"""

import asyncio
import os
import random
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from ntp_checker.resources import sql_path
from ntp_checker.rollup import roll_up_all
from ntp_checker.store.offsets import Window, read_offsets
from ntp_checker.store.pool import open_checker_pool
from tests.postgres import PostgresServer

DAYS = int(os.environ.get("NTP_CHECKER_BENCH_DAYS", "90"))
HOSTS = int(os.environ.get("NTP_CHECKER_BENCH_HOSTS", "100"))
INTERVAL_S = 30
ROUNDS = 9
RANGES_S = {"24h": (86_400, 60), "14d": (14 * 86_400, 1800), "90d": (90 * 86_400, 7200)}
_ROW = struct.Struct("!h iiiqiqiqiqihidif".replace(" ", ""))
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_EPOCH_2000_S = 946_684_800
_COPY = """
COPY metrics.ntp_parent (host_id, slot_at, taken_at, warning_bits, critical_bits, status,
                         system_offset_s, error_bound_s) FROM STDIN (FORMAT binary)
"""
#: Of these two the ranges over a day are read; that of 5 minutes would take half as long again.
_MARK = {
    1800: "INSERT INTO metrics.rollup_30m_dirty SELECT host_id, bucket_at",
    7200: "INSERT INTO metrics.rollup_2h_dirty SELECT host_id, bucket_at",
}
_BUCKETS = """
  FROM generate_series(1, %(hosts)s) AS host_id,
       generate_series(%(from_at)s, %(to_at)s, make_interval(secs => %(width_s)s)) AS bucket_at
"""

Conn = psycopg.Connection[tuple[Any, ...]]


def day_of_rows(day: date, noise: list[float]) -> Iterator[bytes]:
    """One day of every host, in the order in which rows arrive."""
    start_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - _EPOCH_2000_S
    yield _HEADER
    for second in range(0, 86_400, INTERVAL_S):
        slot_us = (start_s + second) * 1_000_000
        yield b"".join(
            _ROW.pack(
                8, 4, host, 8, slot_us + host, 8, slot_us + host + 9, 8, 0, 8, 0, 2, 0,
                8, noise[(second + host * 7919) % len(noise)], 4, 0.002,
            )
            for host in range(1, HOSTS + 1)
        )  # fmt: skip
    yield b"\xff\xff"


def load(conn: Conn) -> datetime:
    """Fills the table up to the end of today, marks all buckets; first moment of the range."""
    noise = [random.Random(1).gauss(0, 1e-5) for _ in range(8_191)]
    today = datetime.now(UTC).date()
    for host in range(1, HOSTS + 1):
        conn.execute(
            "INSERT INTO metrics.host (host_id, name, target, role, has_gps)"
            " VALUES (%s, %s, 'h', 'server', 'no')",
            (host, f"host{host}"),
        )
    for age in reversed(range(DAYS + 1)):
        day = today - timedelta(days=age)
        conn.execute("SELECT metrics.create_daily_partition(%s)", (day,))
        with conn.cursor().copy(_COPY) as copy:
            for rows in day_of_rows(day, noise):
                copy.write(rows)
        print(f"\r{DAYS - age} of {DAYS} days loaded", end="", file=sys.stderr)
    print(file=sys.stderr)
    first_at = datetime.combine(today - timedelta(days=DAYS), datetime.min.time(), UTC)
    for width_s, insert in _MARK.items():
        bounds = {
            "hosts": HOSTS,
            "from_at": first_at,
            "to_at": first_at + timedelta(days=DAYS + 1, seconds=-width_s),
            "width_s": width_s,
        }
        conn.execute((insert + _BUCKETS).encode(), bounds)
    return first_at


async def compute(url: str) -> float:
    pool = await open_checker_pool(url)
    started_s = time.perf_counter()
    try:
        await roll_up_all(pool)
    finally:
        await pool.close()
    return time.perf_counter() - started_s


def median_s(work: Callable[[], object]) -> float:
    took_s = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        work()
        took_s.append(time.perf_counter() - started_s)
    return statistics.median(took_s)


def mark_newest(conn: Conn, now_at: datetime) -> None:
    """What a running checker leaves: the buckets being filled are dirty."""
    for width_s, insert in _MARK.items():
        at = datetime.fromtimestamp(now_at.timestamp() // width_s * width_s, UTC)
        bounds = {"hosts": HOSTS, "from_at": at, "to_at": at, "width_s": width_s}
        conn.execute((insert + _BUCKETS).encode(), bounds)


def measure(conn: Conn) -> None:
    now_s = int(datetime.now(UTC).timestamp())
    for name, (span_s, resolution_s) in RANGES_S.items():
        to_s = -(-now_s // resolution_s) * resolution_s
        window = Window(from_s=to_s - span_s, to_s=to_s, resolution_s=resolution_s)
        one_s = median_s(lambda at=window: read_offsets(conn, at, [(1, "host1")]))
        fleet_s = median_s(lambda at=window: read_offsets(conn, at, []))
        (series,) = read_offsets(conn, window, [])
        filled = sum(n > 0 for n in series.n)
        print(
            f"{name}: one host {one_s * 1e3:7.1f} ms, fleet {fleet_s * 1e3:7.1f} ms "
            f"({filled} of {window.buckets} points of {resolution_s} s)"
        )


def main() -> None:
    server = PostgresServer(settings={"shared_buffers": "256MB", "max_wal_size": "4GB"})
    try:
        applied = server.psql("postgres", "-f", sql_path("schema.sql"))
        assert applied.returncode == 0, applied.stderr
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute("SET timezone = 'UTC'")
            started_s = time.perf_counter()
            load(conn)
            print(
                f"{HOSTS} hosts x {DAYS} days at {INTERVAL_S} s loaded in "
                f"{time.perf_counter() - started_s:.0f} s; medians of {ROUNDS}"
            )
            conn.execute("ANALYZE")
            took_s = asyncio.run(compute(server.url()))
            print(f"rollups of 30 minutes and 2 hours computed in {took_s:.0f} s")
            conn.execute("VACUUM ANALYZE")
            mark_newest(conn, datetime.now(UTC))
            measure(conn)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
