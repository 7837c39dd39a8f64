"""What comes in many transactions and shares one message: by what waits in the outbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ntp_checker.advances import Alerting, end_hold
from ntp_checker.blindness import Sight
from ntp_checker.model import AlertPolicy, JudgedSample, ProblemCode, Route, Severity
from ntp_checker.routing import STORM_KEY
from ntp_checker.store.pool import CheckerPool
from ntp_checker.writer import WriterRow, write_batch
from tests.made_alerts import judged, state
from tests.made_samples import SAMPLE
from tests.stored_samples import Conn, take

pytestmark = pytest.mark.asyncio

HOSTS = [f"h{number}" for number in range(6)]
MAIL = Alerting(
    routes=(Route(channels=("mail",)),),
    group_of={host: f"room {number % 2}" for number, host in enumerate(HOSTS)},
)
LOST, SEEN = Severity.CRITICAL, None


class Fleet:
    """Each host's look is a transaction of its own."""

    def __init__(self, pool: CheckerPool, epochs: dict[str, int]) -> None:
        self.pool = pool
        self.epochs = epochs
        self.at = self.began_at = datetime.now(UTC) - timedelta(seconds=10)
        self.alerting = MAIL

    def go_blind(self, *, since: timedelta = timedelta()) -> Sight:
        """From before the first look on."""
        sight = Sight(observer="checker-1", since_at=self.began_at - since, hosts=6, silent_hosts=6)
        self.alerting = replace(MAIL, sight=sight)
        return sight

    async def look(
        self,
        severity: Severity | None,
        *hosts: str,
        rounds: int = 1,
        code: ProblemCode = ProblemCode.HOST_UNREACHABLE,
    ) -> None:
        for _ in range(rounds):
            for host in hosts or self.epochs:
                found = self._found(host, self.at, severity, code)
                async with self.pool.connection() as conn:
                    row = WriterRow(lease_epoch=self.epochs[host], judged=found)
                    await write_batch(conn, [row], self.alerting)
            self.at += timedelta(seconds=1)

    @staticmethod
    def _found(
        host: str, at: datetime, severity: Severity | None, code: ProblemCode
    ) -> JudgedSample:
        return judged(at, state(code, severity), sample=replace(SAMPLE, host=host, taken_at=at))


async def watch(pool: CheckerPool) -> Fleet:
    return Fleet(pool, await take(pool, *HOSTS))


def shares(conn: Conn, transition: str) -> list[tuple[str, str, int]]:
    """Key, state and number of the notifications of this kind that share a moment."""
    return conn.execute(
        "SELECT group_key, state, count(*)::integer FROM metrics.notification"
        " JOIN metrics.alert_event USING (event_id) WHERE transition = %s"
        " GROUP BY group_key, state, not_before_at ORDER BY 3",
        [transition],
    ).fetchall()


def send_all(conn: Conn) -> None:
    conn.execute("UPDATE metrics.notification SET state = 'accepted', settled_at = now()")


async def test_storm_when_it_comes_in_many_transactions_then_all_share_one_end(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)

    await fleet.look(LOST, rounds=3)

    assert shares(conn, "opened") == [(STORM_KEY, "waiting", 6)]


async def test_storm_when_it_is_over_then_its_end_is_one_message_too(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    await fleet.look(LOST, rounds=3)
    send_all(conn)

    await fleet.look(SEEN, rounds=2)

    assert shares(conn, "resolved") == [(STORM_KEY, "waiting", 6)]


async def test_storm_when_nobody_ended_it_then_its_reminder_is_one_message(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    await fleet.look(LOST, rounds=3)
    send_all(conn)
    every = AlertPolicy().remind_every
    conn.execute("UPDATE metrics.alert SET reminded_at = reminded_at - %s", [every])

    await fleet.look(LOST)

    assert shares(conn, "reminded") == [(STORM_KEY, "waiting", 6)]


async def test_alert_when_over_before_its_message_went_then_both_are_one_message(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    await fleet.look(LOST, rounds=3)

    await fleet.look(SEEN, "h0", rounds=2)

    moments = conn.execute("SELECT DISTINCT group_key, not_before_at FROM metrics.notification")
    assert len(moments.fetchall()) == 1


async def test_few_when_alone_then_each_goes_at_once(conn: Conn, checker_pool: CheckerPool) -> None:
    fleet = await watch(checker_pool)

    await fleet.look(LOST, "h0", "h1", rounds=3)

    keys = [key for key, _, _ in shares(conn, "opened")]
    assert len(keys) == 2
    assert STORM_KEY not in keys


async def test_blind_when_hosts_are_not_seen_then_they_wait_until_its_end(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    fleet.go_blind()

    await fleet.look(LOST, rounds=3)

    assert shares(conn, "opened") == [("unseen by checker-1", "waiting", 6)]
    until = conn.execute("SELECT DISTINCT not_before_at FROM metrics.notification").fetchall()
    assert until == [(fleet.began_at + timedelta(minutes=15),)]


async def test_blind_when_sight_is_steady_then_what_is_over_is_suppressed_and_the_rest_goes(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    sight = fleet.go_blind()
    await fleet.look(LOST, rounds=3)
    await fleet.look(SEEN, *HOSTS[1:], rounds=2)

    async with checker_pool.connection() as held, held.transaction():
        told = await end_hold(held, sight)

    assert told == (1, 10)
    assert shares(conn, "opened") == [
        ("unseen by checker-1", "waiting", 1),
        ("unseen by checker-1", "suppressed", 5),
    ]
    due = "SELECT count(*)::integer FROM metrics.notification WHERE not_before_at <= clock_timestamp()"
    assert conn.execute(due).fetchall() == [(1,)]


async def test_blind_when_another_checker_sees_again_then_this_ones_hosts_wait_on(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    sight = fleet.go_blind()
    await fleet.look(LOST, rounds=3)

    async with checker_pool.connection() as held, held.transaction():
        told = await end_hold(held, replace(sight, observer="checker-2"))

    assert told == (0, 0)
    assert shares(conn, "opened") == [("unseen by checker-1", "waiting", 6)]


async def test_blind_when_a_host_that_is_seen_breaks_then_it_is_told_at_once(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    fleet.go_blind()

    await fleet.look(LOST, "h0", rounds=3, code=ProblemCode.CHRONYD_DOWN)

    [(key, state_, _)] = shares(conn, "opened")
    assert (key.startswith("('alert'"), state_) == (True, "waiting")


async def test_blind_when_a_quarter_of_an_hour_is_over_then_nothing_waits_any_more(
    conn: Conn, checker_pool: CheckerPool
) -> None:
    fleet = await watch(checker_pool)
    fleet.go_blind(since=timedelta(minutes=15))

    await fleet.look(LOST, rounds=3)

    assert shares(conn, "opened") == [(STORM_KEY, "waiting", 6)]
