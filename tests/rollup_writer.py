"""A writer that is there to be killed: batches in any order, some sent twice, and rollups beside.

`python -m tests.rollup_writer URL FIRST_SLOT_EPOCH_S SEED`; prints a line for each batch stored.
"""

import asyncio
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ntp_checker.model import JudgedSample
from ntp_checker.rollup import roll_up
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.rollups import TIERS
from ntp_checker.writer import WriterRow, write_batch
from tests.sample_factory import judged_sample, tracking

HOSTS = 10
#: Slots of one host, 10 s apart: five hours.
SLOTS = 1_800
SLOT_S = 10
BATCH_ROWS = 150


def random_sample(first_at: datetime, chance: random.Random) -> JudgedSample:
    """A look in any slot, mostly in the newest: what is late is new to the database."""
    number = int(SLOTS * chance.random() ** 0.3)
    judged = judged_sample(
        f"host{chance.randrange(HOSTS)}",
        first_at + timedelta(seconds=SLOT_S * number),
        tracking=tracking(system_offset_s=chance.gauss(0, 1e-4), freq_ppm=chance.gauss(0, 5)),
    )
    if chance.random() < 0.1:  # not set: its zero is no offset
        return replace(judged, verdict=replace(judged.verdict, error_bound_s=None))
    return judged


async def write(pool: CheckerPool, first_at: datetime, chance: random.Random) -> None:
    """Batches until killed; every third is sent again, as after a lost answer."""
    batch: list[WriterRow] = []
    for number in range(1_000_000):
        if number % 3 or not batch:
            batch = [
                WriterRow(lease_epoch=1, judged=random_sample(first_at, chance))
                for _ in range(BATCH_ROWS)
            ]
        async with pool.connection() as conn:
            await write_batch(conn, batch)
        print(number, flush=True)


async def compute(pool: CheckerPool) -> None:
    """Rollups until killed."""
    while True:
        for tier in TIERS:
            await roll_up(pool, tier)
        await asyncio.sleep(0.05)


async def main() -> None:
    url, first_s, seed = sys.argv[1:]
    pool = await open_checker_pool(url)
    first_at = datetime.fromtimestamp(int(first_s), UTC)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write(pool, first_at, random.Random(seed)))
        tasks.create_task(compute(pool))


if __name__ == "__main__":
    asyncio.run(main())
