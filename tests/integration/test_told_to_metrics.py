"""What the checker's parts say of their work to whoever counts it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ntp_checker.audiences import Alerting
from ntp_checker.errors import SendErrorKind
from ntp_checker.maintenance import run_maintenance
from ntp_checker.metrics import Delivery
from ntp_checker.model import Transition, TransitionKind
from ntp_checker.rollup import run_rollups
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.writer import Writer
from tests.inbox import Inbox
from tests.made_alerts import CRITICAL_S, judged, offset
from tests.outboxes import count, outbox, running
from tests.postgres import PostgresServer
from tests.sample_factory import judged_sample
from tests.stored_alerts import tell
from tests.stored_samples import Conn, slot, take, until

pytestmark = pytest.mark.asyncio


async def tried(
    pool: CheckerPool, inbox: Inbox, conn: Conn, state: str
) -> list[tuple[str, Delivery]]:
    """What the outbox told until a notification is in this state."""
    told: list[tuple[str, Delivery]] = []
    await tell(pool, 1)
    sender = outbox(pool, inbox.channel(), on_tried=lambda *one: told.append(one))
    async with running(sender):
        await until(lambda: count(conn, state) == 1)
    return told


async def test_message_when_refused_for_now_then_a_retry_and_its_acceptance(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    inbox.refuse(SendErrorKind.RETRY)

    assert await tried(checker_pool, inbox, conn, "accepted") == [
        ("mail", Delivery.RETRY),
        ("mail", Delivery.ACCEPTED),
    ]


async def test_message_when_refused_for_good_then_given_up(
    conn: Conn, checker_pool: CheckerPool, inbox: Inbox
) -> None:
    inbox.refuse(SendErrorKind.PERMANENT)

    assert await tried(checker_pool, inbox, conn, "given_up") == [("mail", Delivery.GIVEN_UP)]


async def test_batch_when_stored_then_its_rows_and_the_steps_of_alerts(
    checker_pool: CheckerPool, spool: Spool
) -> None:
    epoch = (await take(checker_pool, "ntp1"))["ntp1"]
    rows: list[int] = []
    steps: list[Transition] = []
    alerting = Alerting(on_stored=steps.extend)
    for number in range(3):
        await spool.append(judged(slot(number), offset(CRITICAL_S)), epoch)
    writer = Writer(spool, checker_pool, alerting=lambda: alerting, on_written=rows.append)
    await writer.write_once()

    assert rows == [3]
    assert [step.kind for step in steps] == [TransitionKind.OPENED]


async def test_batch_when_the_database_is_away_then_a_failure(
    own_postgres: PostgresServer, spool: Spool
) -> None:
    own_postgres.kill()
    pool = await open_checker_pool(own_postgres.url())
    failed, stop = asyncio.Event(), asyncio.Event()
    await spool.append(judged_sample("h", slot(0)), 1)
    running_writer = asyncio.create_task(Writer(spool, pool, on_failed=failed.set).run(stop))
    try:
        async with asyncio.timeout(60):
            await failed.wait()
    finally:
        stop.set()
        await running_writer
        await pool.close()


async def test_rollups_and_maintenance_when_run_then_said(checker_pool: CheckerPool) -> None:
    rolled: set[str] = set()
    all_rolled, maintained, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def note(tier: str) -> None:
        rolled.add(tier)
        if rolled == {"5m", "30m", "2h"}:
            all_rolled.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(run_rollups(checker_pool, stop, note))
        group.create_task(
            run_maintenance(
                checker_pool, stop, retention_days=90, premake_days=14, on_done=maintained.set
            )
        )
        await all_rolled.wait()
        await maintained.wait()
        stop.set()


async def test_rollups_when_one_tier_can_not_then_the_others_are_said(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    conn.execute("ALTER TABLE metrics.rollup_2h_dirty RENAME TO elsewhere")
    rolled: list[str] = []
    done, stop = asyncio.Event(), asyncio.Event()

    def note(tier: str) -> None:
        rolled.append(tier)
        if rolled.count("5m") == 2:  # 5 s later, and in between it was 2h's turn
            done.set()

    with capture_logs() as lines:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(run_rollups(checker_pool, stop, note))
            await done.wait()
            stop.set()
    warned = [line["tier"] for line in lines if line["log_level"] == "warning"]

    assert set(rolled) == {"5m", "30m"}
    assert warned == ["2h"]
