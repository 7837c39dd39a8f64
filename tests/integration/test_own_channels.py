"""A channel that is dead is told by the others; when all are, the heartbeat stops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ntp_checker.check import credentials_for
from ntp_checker.checker import Checker
from ntp_checker.heartbeat import Heartbeat
from ntp_checker.own_watch import OwnWatch
from ntp_checker.rules.own import OwnLimits
from ntp_checker.schedule import Slots
from ntp_checker.watch import make_probe
from tests.heartbeats import beating
from tests.http_receiver import Receiver, answer, http_receiver
from tests.moto_server import MotoServer
from tests.outboxes import running
from tests.own_checkers import IMPATIENT, history, opened, rounds
from tests.rig import Rig, RigHost
from tests.rig.processes import free_tcp_port
from tests.stored_alerts import tell
from tests.stored_samples import Conn, until

pytestmark = pytest.mark.asyncio

SENDER, RECIPIENT = "ntp@example.org", "ops@example.org"
HOOK_AND_MAIL = f"""
channels:
  hook: {{kind: webhook, url: "http://127.0.0.1:PORT/", allow_private: true, messages_per_s: 100}}
  mail: {{kind: ses, from: {SENDER}, to: [{RECIPIENT}], messages_per_s: 100}}
"""
TWO_HOOKS = """
channels:
  one: {{kind: webhook, url: "http://127.0.0.1:{}/", allow_private: true, messages_per_s: 100}}
  two: {{kind: webhook, url: "http://127.0.0.1:{}/", allow_private: true, messages_per_s: 100}}
"""


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoServer]:
    server = MotoServer()
    try:
        server.verify(SENDER)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", server.url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield server
    finally:
        server.stop()


def refusing(checker: Checker) -> set[str]:
    states = checker.outbox.channel_states()
    return {one.channel for one in states if one.refused_for_s is not None}


def accepting(checker: Checker) -> set[str]:
    states = checker.outbox.channel_states()
    return {one.channel for one in states if one.refused_for_s is None}


@asynccontextmanager
async def receiver_at(port: int) -> AsyncIterator[Receiver]:
    """What the port was meant for."""
    receiver = Receiver(respond=answer("200 OK"), port=port)
    server = await asyncio.start_server(receiver.take, "127.0.0.1", port)
    try:
        yield receiver
    finally:
        server.close()


async def test_webhook_with_a_closed_port_is_mailed_through_ses_and_so_is_its_end(
    conn: Conn, database_url: str, tmp_path: Path, moto: MotoServer
) -> None:
    port = free_tcp_port("127.0.0.1")
    file = HOOK_AND_MAIL.replace("PORT", str(port))
    async with (
        opened(database_url, tmp_path, file=file) as checker,
        running(checker.outbox),
    ):
        watch = OwnWatch(checker, limits=IMPATIENT)
        await tell(checker.pool, 1, channel="hook")
        await until(lambda: refusing(checker) == {"hook"})
        await rounds(watch, 1)
        await until(lambda: len(moto.sent()) == 1)
        async with receiver_at(port):
            await until(lambda: accepting(checker) >= {"hook"})
            await rounds(watch, 2)
            await until(lambda: len(moto.sent()) == 2)

    opened_mail, ended_mail = (sent.mail for sent in moto.sent())
    title = "[NTP Checker] alert channel dead: hook"
    assert (opened_mail["Subject"], ended_mail["Subject"]) == (
        f"CRITICAL {title}",
        f"RESOLVED {title}",
    )
    assert ended_mail["References"] == opened_mail["References"]
    assert "channel hook has taken nothing for" in moto.sent()[0].part("plain")
    assert history(conn) == [("channel_dead", "opened"), ("channel_dead", "resolved")]


async def look(checker: Checker) -> None:
    """At every host once, as at a slot."""
    credentials = credentials_for(checker.hosts, checker.settings)
    for host in checker.hosts:
        probe = make_probe(host, checker.settings, credentials, checker.clock)
        slot_at = Slots(host.name, checker.settings.interval_s).current(checker.clock.now())
        await checker.run_cycle(probe, probe.look, slot_at)
        await probe.close()


class Rounds:
    """Rounds of a checker about itself, and the calls that came of them."""

    def __init__(self, checker: Checker, heartbeat: Heartbeat, receiver: Receiver) -> None:
        self._good = 0
        self._heartbeat, self._receiver = heartbeat, receiver
        limits = OwnLimits(channel_refused_s=0.0)
        self._watch = OwnWatch(checker, limits=limits, on_good=self._on_good)

    def _on_good(self) -> None:
        self._good += 1
        self._heartbeat.beat()

    async def take(self, number: int) -> int:
        """How many calls; each is waited for before the next round."""
        before = len(self._receiver.requests)
        for _ in range(number):
            await self._watch.take_round()
            await until(lambda: len(self._receiver.requests) >= self._good)
        return len(self._receiver.requests) - before


async def test_heartbeat_when_all_channels_are_dead_then_stops_and_goes_on_when_one_is_back(
    rig: Rig, rig_host: Callable[..., RigHost], database_url: str, tmp_path: Path
) -> None:
    ports = free_tcp_port("127.0.0.1"), free_tcp_port("127.0.0.1")
    file = TWO_HOOKS.format(*ports)
    environ = rig.env() | {
        "NTP_CHECKER_HOSTS": rig_host().target,
        "NTP_CHECKER_INTERVAL_S": "3600",
    }
    async with (
        opened(database_url, tmp_path, file=file, environ=environ) as checker,
        running(checker.outbox),
        http_receiver() as receiver,
        beating(f"{receiver.url}/ping") as heartbeat,
    ):
        calls = []
        ours = Rounds(checker, heartbeat, receiver)
        calls.append(await ours.take(5))  # no host was seen yet
        await look(checker)
        calls.append(await ours.take(5))  # all is well
        async with receiver_at(ports[1]):
            await tell(checker.pool, 1, channel="one")
            await until(lambda: refusing(checker) == {"one"})
            calls.append(await ours.take(5))  # one is dead
            await until(lambda: accepting(checker) == {"two"})  # it has told of the other
        await tell(checker.pool, 1, first=1, channel="two")
        await until(lambda: refusing(checker) == {"one", "two"})
        calls.append(await ours.take(5))  # all are dead
        async with receiver_at(ports[0]):
            await until(lambda: accepting(checker) == {"one"})
            calls.append(await ours.take(5))  # one is back

    assert calls == [0, 5, 5, 0, 5]
