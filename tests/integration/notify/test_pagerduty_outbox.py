"""Incidents at PagerDuty through the outbox: what was opened there ends there."""

from collections.abc import AsyncIterator, Sequence

import orjson
import pytest
import pytest_asyncio

from ntp_checker.config import Settings
from ntp_checker.model import AlertState, Notification, TransitionKind
from ntp_checker.notify.http import Poster
from ntp_checker.notify.pagerduty import PagerDutyChannel
from ntp_checker.reach import Reach
from ntp_checker.store.notifications import queue
from ntp_checker.store.pool import CheckerPool
from ntp_checker.telling import make_compose
from tests.http_receiver import Receiver, answer, http_receiver
from tests.outboxes import count, outbox, running
from tests.stored_alerts import alert, save, slot, transition
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver(answer("202 Accepted")) as running_one:
        yield running_one


class Incidents:
    """What is open at PagerDuty, by what it was told."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    @property
    def events(self) -> list[tuple[str, str]]:
        told = [orjson.loads(request.body) for request in self._receiver.requests]
        return [(body["event_action"], body["dedup_key"]) for body in told]

    @property
    def opened(self) -> set[str]:
        return {key for action, key in self.events if action == "trigger"}

    @property
    def open(self) -> set[str]:
        there: set[str] = set()
        for action, key in self.events:
            (there.add if action == "trigger" else there.discard)(key)
        return there


async def step(
    pool: CheckerPool, conn: Conn, hosts: Sequence[int], kind: TransitionKind, ordinal: int
) -> None:
    """These alerts take this step, and all of it is told in one message."""
    is_over = kind is TransitionKind.RESOLVED
    changed = {"state": AlertState.CLOSED, "closed_at": slot(9)} if is_over else {}
    alerts = [alert(f"h{host}", last_ordinal=ordinal, **changed) for host in hosts]
    steps = [transition(one, kind, ordinal) for one in alerts]
    before = count(conn, "accepted")
    async with pool.connection() as held, held.transaction():
        await save(held, alerts, steps)
        await queue(
            held,
            [
                Notification(event_id=one.event_id, channel="duty", group_key=f"step {ordinal}")
                for one in steps
            ],
        )
    await until(lambda: count(conn, "accepted") == before + len(hosts))


@pytest.mark.parametrize("alerts", [6, 30])
async def test_incidents_when_a_digest_opened_them_then_reminders_open_none_and_the_end_ends_all(
    conn: Conn, checker_pool: CheckerPool, receiver: Receiver, alerts: int
) -> None:
    duty = PagerDutyChannel(
        name="duty",
        routing_key="r0ut1ng",
        poster=Poster(reach=Reach.INWARD_TOO),
        url=f"{receiver.url}/v2/enqueue",
    )
    incidents = Incidents(receiver)
    compose = make_compose(Settings())
    everyone = range(alerts)
    async with running(outbox(checker_pool, duty, compose=compose, rates={"duty": 1_000.0})):  # type: ignore[arg-type]
        await step(checker_pool, conn, everyone, TransitionKind.OPENED, 1)
        opened = incidents.opened
        await step(checker_pool, conn, everyone, TransitionKind.REMINDED, 2)
        await step(checker_pool, conn, [0], TransitionKind.REMINDED, 3)
        await step(checker_pool, conn, everyone[1:], TransitionKind.RESOLVED, 4)
        nearly_over = incidents.open
        await step(checker_pool, conn, [0], TransitionKind.RESOLVED, 5)

    assert len(opened) == (alerts if alerts == 6 else 1)
    assert incidents.opened == opened
    assert len(nearly_over) == 1
    assert incidents.open == set()
