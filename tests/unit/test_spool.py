"""The spool: what `append` returned for is on disk, once, whatever happens next."""

import asyncio
import math
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from ntp_checker.codec import decode
from ntp_checker.errors import StoreError
from ntp_checker.store import spool as spool_module
from ntp_checker.store.spool import Spool
from tests.sample_factory import SLOT_AT, judged_sample, tracking

pytestmark = pytest.mark.asyncio

#: appends samples of host h, a second apart, and prints each slot's number once it is spooled
APPENDER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from ntp_checker.store.spool import Spool
from tests.sample_factory import SLOT_AT, judged_sample

async def main():
    spool = Spool(Path(sys.argv[1]))
    async def append(number):
        await spool.append(judged_sample("h", SLOT_AT + timedelta(seconds=number)), 1)
        print(number, flush=True)
    for start in range(0, 100_000, 10):
        await asyncio.gather(*map(append, range(start, start + 10)))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool.sqlite3"


@pytest_asyncio.fixture
async def spool(path: Path) -> AsyncIterator[Spool]:
    opened = Spool(path)
    yield opened
    await opened.close()


async def test_sample_when_appended_is_read_back_whole(spool: Spool) -> None:
    judged = judged_sample()

    await spool.append(judged, 7)

    (row,) = await spool.read_uncommitted(10)
    assert (row.host, row.slot_at, row.lease_epoch) == ("gps1", SLOT_AT, 7)
    assert decode(row.payload) == judged


def append_and_kill(path: Path) -> list[int]:
    """Numbers of the slots that a process said were spooled before kill -9 ended it."""
    appender = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert appender.stdout
    told = [int(appender.stdout.readline()) for _ in range(25)]
    appender.send_signal(signal.SIGKILL)
    told += [int(line) for line in appender.stdout if line.endswith("\n")]
    appender.wait()
    appender.stdout.close()
    return told


async def test_sample_when_append_returned_survives_a_kill(path: Path) -> None:
    for _ in range(5):
        told = append_and_kill(path)

        spool = Spool(path)
        rows = await spool.read_uncommitted(1_000_000)
        await spool.close()
        numbers = [(row.slot_at - SLOT_AT) // timedelta(seconds=1) for row in rows]
        assert set(told) <= set(numbers)
        assert len(numbers) == len(set(numbers))


async def test_samples_when_appended_together_share_a_commit(spool: Spool) -> None:
    slots = [SLOT_AT + timedelta(seconds=n) for n in range(400)]

    async with asyncio.timeout(5):
        await asyncio.gather(*(spool.append(judged_sample("h", at), 1) for at in slots))

    assert [row.slot_at for row in await spool.read_uncommitted(1_000)] == slots
    assert spool.depth == 400


async def test_slot_when_appended_twice_keeps_its_first_sample(spool: Spool) -> None:
    await spool.append(judged_sample("h", tracking=tracking(stratum=1)), 1)
    await spool.append(judged_sample("h", tracking=tracking(stratum=2)), 1)

    (row,) = await spool.read_uncommitted(10)
    report = decode(row.payload).sample.tracking
    assert report
    assert report.stratum == 1
    assert spool.depth == 1


async def test_rows_when_committed_are_read_no_more(spool: Spool) -> None:
    for n in range(5):
        await spool.append(judged_sample("h", SLOT_AT + timedelta(seconds=n)), 1)
    rows = await spool.read_uncommitted(3)

    await spool.mark_committed([row.row_id for row in rows])
    await spool.mark_committed([row.row_id for row in rows])

    left = await spool.read_uncommitted(10)
    assert [row.slot_at for row in left] == [SLOT_AT + timedelta(seconds=n) for n in (3, 4)]
    assert spool.depth == 2


async def test_committed_rows_stay_a_minute_and_then_go(
    spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spool.append(judged_sample("a"), 1)
    await spool.append(judged_sample("b"), 1)
    rows = await spool.read_uncommitted(10)
    await spool.mark_committed([rows[0].row_id])

    def hosts() -> list[tuple[str]]:
        with closing(sqlite3.connect(path)) as file:
            return file.execute("SELECT host FROM sample ORDER BY host").fetchall()

    await spool.purge()
    assert hosts() == [("a",), ("b",)]
    monkeypatch.setattr(spool_module, "KEEP_COMMITTED_S", -1.0)
    await spool.purge()
    assert hosts() == [("b",)]


def age_of_oldest_s(spool: Spool) -> float | None:
    return spool.oldest_uncommitted_age_s


async def test_oldest_age_is_of_the_oldest_row_that_is_not_committed(spool: Spool) -> None:
    ages_s = [age_of_oldest_s(spool)]
    for host in ("a", "b"):
        await spool.append(judged_sample(host), 1)
    ages_s.append(age_of_oldest_s(spool))

    for row in await spool.read_uncommitted(2):
        await spool.mark_committed([row.row_id])
        ages_s.append(age_of_oldest_s(spool))

    empty, both, second_only, none_left = ages_s
    assert (empty, none_left) == (None, None)
    assert both is not None
    assert second_only is not None
    assert second_only > 0
    assert both > 0.010  # b waited for a commit of its own meanwhile


async def test_depth_and_age_after_a_restart_are_those_of_the_file(path: Path) -> None:
    before = Spool(path)
    await before.append(judged_sample("a"), 1)
    await before.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE sample SET spooled_at_s = spooled_at_s - 100")
        file.commit()

    after = Spool(path)
    depth, age_s = after.depth, after.oldest_uncommitted_age_s
    await after.close()

    assert depth == 1
    assert age_s is not None
    assert 100 <= age_s < 130


async def test_append_after_close_says_so(path: Path) -> None:
    spool = Spool(path)
    await spool.close()

    with pytest.raises(StoreError, match="closed"):
        await spool.append(judged_sample(), 1)


async def fill(spool: Spool) -> None:
    for start in range(0, 100_000, 20):
        slots = [SLOT_AT + timedelta(seconds=n) for n in range(start, start + 20)]
        await spool.append_all([judged_sample("h", at) for at in slots], 1)


async def test_full_disk_fails_the_append_and_the_next_one_goes_on(path: Path) -> None:
    # SQLite's own answer to a file that may not grow: the same as a full disk's.
    spool = Spool(path, max_bytes=200_000)
    try:
        with pytest.raises(StoreError, match="full"):
            await fill(spool)
        stored = await spool.read_uncommitted(100_000)
        assert len(stored) == spool.depth > 200  # the most of them thinned out by then

        await spool.mark_committed([row.row_id for row in stored])
        assert spool.depth == 0
        await spool.append(judged_sample("after"), 1)

        assert [row.host for row in await spool.read_uncommitted(10)] == ["after"]
    finally:
        await spool.close()


async def test_append_when_its_caller_is_cancelled_harms_no_other(spool: Spool) -> None:
    given_up = asyncio.create_task(spool.append(judged_sample("a"), 1))
    await asyncio.sleep(0)
    given_up.cancel()
    await spool.append(judged_sample("b"), 1)

    assert [row.host for row in await spool.read_uncommitted(10)] == ["a", "b"]
    assert spool.depth == 2


async def test_sample_that_cannot_be_encoded_leaves_a_rejected_one(
    spool: Spool, path: Path
) -> None:
    await spool.append(judged_sample("h", tracking=tracking(ref_name="\ud800")), 1)

    (row,) = await spool.read_uncommitted(10)
    assert decode(row.payload).sample.failures[0].kind == "rejected"
    with closing(sqlite3.connect(path)) as file:
        ((reason, payload),) = file.execute("SELECT reason, payload FROM rejected").fetchall()
    assert "surrogates" in reason
    assert b"\\ud800" in payload


async def test_nan_is_carried_to_the_reader_and_refused_there(spool: Spool) -> None:
    await spool.append(judged_sample("h", tracking=tracking(last_offset_s=math.nan)), 1)

    (row,) = await spool.read_uncommitted(10)
    with pytest.raises(ValueError, match="last_offset_s"):
        decode(row.payload)
