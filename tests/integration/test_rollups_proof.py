"""Four writers at once, late and doubled rows, kill -9 in between: every bucket is still right.

`make rollups-proof` kills 20 times; here it is done NTP_CHECKER_ROLLUP_KILLS (5) times.
"""

import asyncio
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ntp_checker.rollup import roll_up_all
from ntp_checker.store.pool import CheckerPool
from tests.postgres import PostgresServer
from tests.rollup_check import bucket_count, differing_buckets
from tests.stored_samples import Conn, take

KILLS = int(os.environ.get("NTP_CHECKER_ROLLUP_KILLS", "5"))
WRITERS = 4
#: Batches that a writer stores before it may be killed, at most.
LIFE_BATCHES = 6

Writer = subprocess.Popen[str]


def start_writer(url: str, first_at: datetime, seed: int) -> Writer:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.rollup_writer",
            url,
            f"{first_at.timestamp():.0f}",
            str(seed),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(writer: Writer) -> None:
    writer.kill()
    writer.wait()
    assert writer.stdout
    writer.stdout.close()


def let_write(writer: Writer, batches: int) -> None:
    assert writer.stdout
    for _ in range(batches):
        assert writer.stdout.readline(), "the writer ended by itself"


def write_and_kill(url: str, first_at: datetime, seed: int) -> None:
    """KILLS times one of the writers is killed, in the middle of whatever it does, and replaced."""
    chance = random.Random(seed)
    writers = [start_writer(url, first_at, chance.randrange(2**32)) for _ in range(WRITERS)]
    try:
        for _ in range(KILLS):
            chosen = chance.randrange(WRITERS)
            let_write(writers[chosen], chance.randint(1, LIFE_BATCHES))
            kill(writers[chosen])
            writers[chosen] = start_writer(url, first_at, chance.randrange(2**32))
        for writer in writers:
            let_write(writer, 3)
    finally:
        for writer in writers:
            kill(writer)


def wait_for_backends(conn: Conn) -> None:
    """What a killed client had sent may still be at work in its server process."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'ntp-checker'"
        " AND state <> 'idle'"
    )
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while conn.execute(query).fetchone() != (0,):
        assert datetime.now(UTC) < deadline, "server processes of killed writers go on"


@pytest.mark.asyncio
@pytest.mark.timeout(600)
async def test_buckets_after_kills_late_rows_and_doubled_batches_are_those_of_their_rows(
    conn: Conn, checker_pool: CheckerPool, postgres: PostgresServer, database_url: str
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    # Yesterday and today have their partitions.
    first_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    await take(checker_pool, *(f"host{n}" for n in range(10)))

    await asyncio.to_thread(write_and_kill, database_url, first_at, seed)
    wait_for_backends(conn)
    await roll_up_all(checker_pool)

    with psycopg.connect(postgres.url(conn.info.dbname)) as reader:
        differing = differing_buckets(reader)
        buckets = bucket_count(reader)
        rows = reader.execute("SELECT count(*) FROM metrics.ntp_parent").fetchone()
    print(
        f"{WRITERS} writers, {KILLS} kills (seed {seed}): {rows and rows[0]} rows, "
        f"{buckets} buckets, {len(differing)} differing"
    )
    assert buckets > 100
    assert differing == []
