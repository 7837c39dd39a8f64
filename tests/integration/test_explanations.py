"""A client's loss beside the trouble of the host that is its source: told once, and not lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.advances import Alerting
from ntp_checker.model import JudgedSample, Judgement, ProblemCode, Route, Severity
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch
from tests.made_alerts import judged, state
from tests.made_samples import SAMPLE, SOURCE
from tests.stored_samples import Conn, take

pytestmark = pytest.mark.asyncio

SERVER_IP = "192.0.2.1"
MAIL = Alerting(
    routes=(Route(channels=("mail",)),),
    interval_s=1.0,
    hosts_at={SERVER_IP: frozenset({"server"})},
)
DOWN = state(ProblemCode.CHRONYD_DOWN, Severity.CRITICAL)
UP = state(ProblemCode.CHRONYD_DOWN, None)
LOST = state(ProblemCode.SOURCE_UNREACHABLE, Severity.WARNING, SERVER_IP)
FOUND = state(ProblemCode.SOURCE_UNREACHABLE, None, SERVER_IP)
UNSELECTED = state(ProblemCode.NO_SELECTED_SOURCE, Severity.CRITICAL)


def look(host: str, at: datetime, *judgements: Judgement) -> JudgedSample:
    listed = (replace(SOURCE, address=SERVER_IP),)
    return judged(at, *judgements, sample=replace(SAMPLE, host=host, taken_at=at, sources=listed))


class Pair:
    """A server and its client, looked at slot by slot."""

    def __init__(self, pool: CheckerPool, epochs: dict[str, int]) -> None:
        self.pool = pool
        self.epochs = epochs
        self.at = datetime.now(UTC) - timedelta(seconds=30)

    async def looks(self, number: int, server: Judgement, *client: Judgement) -> None:
        for _ in range(number):
            found = {
                "server": look("server", self.at, server),
                "client": look("client", self.at, *client),
            }
            async with self.pool.connection() as conn:
                rows = [
                    WriterRow(lease_epoch=self.epochs[name], judged=one)
                    for name, one in found.items()
                ]
                await write_batch(conn, rows, MAIL)
            self.at += timedelta(seconds=1)


async def watch_pair(pool: CheckerPool) -> Pair:
    return Pair(pool, await take(pool, "server", "client"))


def told_of_client(conn: Conn) -> list[tuple[str, str, str, str | None]]:
    return conn.execute(
        "SELECT event.code, event.transition, notification.state, notification.error_text"
        " FROM metrics.notification JOIN metrics.alert_event AS event USING (event_id)"
        " JOIN metrics.host USING (host_id) WHERE host.name = 'client'"
        " ORDER BY event.slot_at, event.code"
    ).fetchall()


async def test_client_when_its_source_is_down_then_suppressed_with_what_follows(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    pair = await watch_pair(checker_pool)

    await pair.looks(3, DOWN, LOST, UNSELECTED)

    by = "explained by chronyd_down of server"
    assert told_of_client(conn) == [
        ("no_selected_source", "opened", "suppressed", by),
        ("source_unreachable", "opened", "suppressed", by),
    ]


async def test_client_when_its_source_is_well_then_told(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    pair = await watch_pair(checker_pool)

    await pair.looks(3, UP, LOST)

    assert told_of_client(conn) == [("source_unreachable", "opened", "waiting", None)]


async def test_client_when_its_source_is_well_for_a_moment_then_it_may_heal(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    pair = await watch_pair(checker_pool)
    await pair.looks(3, DOWN, LOST)

    await pair.looks(3, UP, LOST)

    assert [(kind, state) for _, kind, state, _ in told_of_client(conn)] == [
        ("opened", "suppressed")
    ]


async def test_client_when_its_source_is_well_for_long_and_it_is_not_then_told_at_last(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    pair = await watch_pair(checker_pool)
    await pair.looks(3, DOWN, LOST)
    await pair.looks(2, UP, LOST)
    conn.execute(
        "UPDATE metrics.alert SET closed_at = closed_at - interval '10 min' WHERE state = 'closed'"
    )

    await pair.looks(1, UP, LOST)

    assert [(kind, state) for _, kind, state, _ in told_of_client(conn)] == [
        ("opened", "suppressed"),
        ("reminded", "waiting"),
    ]


async def test_client_when_well_with_its_source_then_nobody_hears_of_it(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    pair = await watch_pair(checker_pool)
    await pair.looks(3, DOWN, LOST)

    await pair.looks(3, UP, FOUND)

    assert [(kind, state) for _, kind, state, _ in told_of_client(conn)] == [
        ("opened", "suppressed")
    ]
