"""An outbox that is killed while it sends: nothing lost, and what comes twice says so."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from ntp_checker.store.pool import CheckerPool
from tests.inbox import Inbox
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).resolve().parents[2]
KILLS = 8
GROUPS = 160
IN_ONE_GROUP = 40


async def _start(url: str, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.outbox_sender", url, str(port), "sender",
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


def _accepted(conn: Conn) -> int:
    found = conn.execute(
        "SELECT count(*) FROM metrics.notification WHERE state = 'accepted'"
    ).fetchone()
    assert found
    return int(found[0])


@pytest.mark.timeout(180)
async def test_kills_at_any_instant_lose_nothing_and_double_what_was_in_flight_at_most(
    conn: Conn, checker_pool: CheckerPool, database_url: str
) -> None:
    chance = random.Random(20260102)
    told = await tell(checker_pool, GROUPS, group_key=None)
    told += await tell(checker_pool, IN_ONE_GROUP, first=GROUPS)
    total = len(told)
    async with Inbox(delay_s=0.01) as inbox:
        for _ in range(KILLS):
            sender = await _start(database_url, inbox.port)
            before = len(inbox.arrived)
            some = chance.randint(1, 15)
            await until(lambda wanted=before + some: len(inbox.arrived) >= wanted)  # type: ignore[misc]  # bound at once
            await asyncio.sleep(chance.uniform(0.0, 0.03))
            sender.send_signal(signal.SIGKILL)
            assert await sender.wait() == -signal.SIGKILL
        assert _accepted(conn) < total, "it was over before the last kill"
        sender = await _start(database_url, inbox.port)
        try:
            await until(lambda: _accepted(conn) == total)
        finally:
            sender.kill()
            await sender.wait()

    times = Counter(message.message_id for message in inbox.arrived)
    doubles = sum(times.values()) - len(times)
    print(f"{KILLS} kills, {len(times)} messages, {doubles} came twice")

    assert set(inbox.event_ids) == {one.event_id for one in told}
    assert doubles <= KILLS
    covered = {(message.message_id, frozenset(message.event_ids)) for message in inbox.arrived}
    assert len(covered) == len(times), "a message that came twice covers the same events"
    assert sum(len(event_ids) for _, event_ids in covered) == total
