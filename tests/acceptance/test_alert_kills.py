"""kill -9 of the checker at random instants while alerts go out over a line that fails.

Real parts from the first look to the mail: hosts that can't be reached, looks, spool, writer,
outbox, boto3, a proxy that refuses, cuts and loses answers, and moto's SES behind it. Nothing that
opened may be untold, and each mail that came twice has a reason.

`make alert-kills` kills 200 times while 1,000 alerts open (NTP_CHECKER_ALERT_KILLS,
NTP_CHECKER_ALERTS); here it is 10 times and 100 alerts.
"""

import math
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from tests import ses_proxy as ses
from tests.acceptance.mail import OPS, SENDER, amazon_settings, rows
from tests.acceptance.processes import Service, settings_for
from tests.moto_server import MotoServer
from tests.postgres import PostgresServer
from tests.rig import Rig
from tests.rig.processes import wait_until
from tests.ses_proxy import Call, Fault, LineFault, SesProxy
from tests.told_mails import all_events, doubles

KILLS = int(os.environ.get("NTP_CHECKER_ALERT_KILLS", "10"))
ALERTS = int(os.environ.get("NTP_CHECKER_ALERTS", "100"))
#: From the start to the kill, where no mail is waited for.
LIFE_S = (0.2, 8.0)
#: A mail is on its way for some 20 ms.
AROUND_A_SEND_S = (0.0, 0.06)
#: Start-up and three looks; longer under load. When nothing is sent in it, it is killed all the same.
SEND_WAIT_S = 15.0
#: So few at once are told one by one, and so many together.
FEW, MANY = 4, 20
#: A fleet that is smaller, and gone, would be told by one message.
STAY = 5
#: How often a few more hosts come while it runs.
WAVE_S = 1.5
#: After the last kill back-off of up to five minutes is still to be sat out.
DRAIN_S = 600.0
DUTY, LAST_LIFE = "duty@example.org", "LAST"
#: Of 100 mails so many meet this on their way; the rest goes through.
FAULTS: dict[Fault, int] = {
    ses.TOO_FAST: 5,
    ses.THROTTLED: 3,
    ses.TOKEN_EXPIRED: 3,
    LineFault.SLOW: 8,
    LineFault.CUT_BEFORE: 5,
    LineFault.ANSWER_LOST: 5,
    LineFault.RESET_IN_ANSWER: 5,
}
#: And these, on the channel that has another to stand in for it.
LONG_FAULTS: dict[Fault, int] = {ses.DAY_IS_FULL: 2, ses.PAUSED: 1, ses.SIGNED_LATE: 1}


@dataclass
class Weather:
    """What happens to each mail, by chance."""

    chance: random.Random

    def choose(self, call: Call) -> Fault | None:
        faults = FAULTS | (LONG_FAULTS if OPS in call.recipients else {})
        drawn = self.chance.randrange(100)
        for fault, of_100 in faults.items():
            drawn -= of_100
            if drawn < 0:
                return fault
        return None


@dataclass
class Fleet:
    """Hosts that nobody can reach; those whose alerts have opened leave with the next start."""

    config: Path
    url: str
    opened: set[str] = field(default_factory=set)
    present: list[str] = field(default_factory=list)  #: in the settings, but for those that stay
    pace: int = FEW  #: so many may have come by now, so that there are some left for the last kill

    def take_stock(self) -> int:
        """How many alerts have opened so far."""
        found = rows(
            self.url,
            "SELECT host.name FROM metrics.alert JOIN metrics.host USING (host_id)"
            " WHERE opened_at IS NOT NULL AND code = 'host_unreachable' AND starts_with(name, 'n')",
        )
        self.opened = {name for (name,) in found}
        return len(self.opened)

    def begin(self, number: int) -> None:
        """Settings with so many hosts whose alerts are not opened yet, and the few that stay."""
        self.take_stock()
        self.present = []
        self.add(number)

    def add(self, number: int) -> None:
        """So many more, as far as the pace allows."""
        come = len(self.opened.union(self.present))
        number = max(0, min(number, self.pace - come))
        names = (f"n{n}" for n in range(ALERTS))
        new = [name for name in names if name not in self.opened and name not in self.present]
        self.present += new[:number]
        lines = [
            "channels:",
            f"  mail: {{kind: ses, from: {SENDER}, to: [{OPS}], messages_per_s: 50}}",
            f"  duty: {{kind: ses, from: {SENDER}, to: [{DUTY}], messages_per_s: 50}}",
            "routes: [{channels: [mail], fallback: [duty]}]",
            "hosts:",
            *(
                f"  - {{name: {name}, target: 'ntp@127.0.0.1:1', has_gps: 'no'}}"
                for name in (*self.present, *(f"stays{n}" for n in range(STAY)))
            ),
        ]
        self.config.write_text("\n".join(lines) + "\n", encoding="ascii")


@dataclass
class Flight:
    """Messages that were claimed and not settled when the checker was killed."""

    url: str
    seen: set[tuple[str, int, int]] = field(default_factory=set)
    at_kills: list[int] = field(default_factory=list)

    def note(self) -> None:
        """Of the life that has just ended; a channel sends one at a time."""
        claimed = rows(
            self.url,
            "SELECT channel, notification_id, claim_epoch FROM metrics.notification"
            " WHERE state = 'claimed'",
        )
        new = {(channel, number, epoch) for channel, number, epoch in claimed} - self.seen
        self.at_kills.append(len({channel for channel, _, _ in new}))
        self.seen |= new


@dataclass(frozen=True, kw_only=True)
class Double:
    """A mail that repeats an event, and the one to the same recipient that told of it before."""

    first: Call
    again: Call

    @property
    def is_the_same(self) -> bool:
        """Not so where something more was to be told meanwhile."""
        return self.first.message_id == self.again.message_id

    def is_explained(self, calls: list[Call]) -> bool:
        """The first one's answer was lost, or it was the last of its channel before a kill."""
        of_life = [
            call
            for call in calls
            if (call.access_key, call.recipients) == (self.first.access_key, self.first.recipients)
        ]
        was_killed = self.first.access_key != LAST_LIFE and of_life[-1] is self.first
        return was_killed or self.first.fault in ses.LOSE_THE_ANSWER


def doubles_of(calls: list[Call]) -> list[Double]:
    found = []
    for recipient in (OPS, DUTY):
        to = [call for call in calls if call.is_taken and recipient in call.recipients]
        found += [
            Double(first=to[before], again=to[again])
            for again, before in doubles([call.mail for call in to])
        ]
    return found


def kill_often(
    monitor: Service, proxy: SesProxy, fleet: Fleet, flight: Flight, chance: random.Random
) -> None:
    """Half of the kills at any instant, half around a mail that is on its way."""
    for number in range(KILLS):
        is_storm = chance.random() < 0.1
        fleet.pace = math.ceil(ALERTS * (number + 1) / KILLS) + (MANY if is_storm else FEW)
        if number:
            fleet.begin(MANY if is_storm else FEW)
            # In each signature: by that it is known whose mail it is.
            monitor.settings["AWS_ACCESS_KEY_ID"] = f"LIFE{number}"
            monitor.start()
        if chance.random() < 0.5:
            ends_s = time.monotonic() + chance.uniform(*LIFE_S)
            while (left_s := ends_s - time.monotonic()) > 0:
                threading.Event().wait(min(WAVE_S, left_s))
                _send_more(monitor, fleet)
        else:
            ends_s = time.monotonic() + SEND_WAIT_S
            wanted = len(proxy.calls) + chance.randint(1, 8)
            while not proxy.wait_for_calls(wanted, timeout_s=WAVE_S) and time.monotonic() < ends_s:
                _send_more(monitor, fleet)
            threading.Event().wait(chance.uniform(*AROUND_A_SEND_S))
        monitor.kill()
        flight.note()


def _send_more(monitor: Service, fleet: Fleet) -> None:
    """A few more hosts in the settings of a checker that has come up."""
    if "watching" in monitor.log_since_start:
        fleet.add(FEW)
        monitor.send(signal.SIGHUP)


def tell_the_rest(monitor: Service, fleet: Fleet) -> None:
    """Until every alert has opened, and nothing waits."""
    monitor.settings["AWS_ACCESS_KEY_ID"] = LAST_LIFE
    fleet.pace = ALERTS
    while (opened := fleet.take_stock()) < ALERTS:
        fleet.begin(50)
        aim = min(ALERTS, opened + 50)
        monitor.start()
        _wait(monitor, lambda: fleet.take_stock() >= aim, "the rest opens")  # noqa: B023 - used at once
        monitor.stop()
    monitor.start()
    unsettled = "SELECT 1 FROM metrics.notification WHERE state IN ('waiting', 'claimed')"
    _wait(monitor, lambda: not rows(fleet.url, unsettled), "all is settled")
    monitor.stop()


def _wait(monitor: Service, condition: Callable[[], bool], what: str) -> None:
    def is_so() -> bool:
        assert monitor.is_running, monitor.log_since_start
        return condition()

    wait_until(is_so, what, timeout_s=DRAIN_S)


@pytest.mark.timeout(400 + 25 * KILLS)
def test_monitor_killed_at_random_instants_while_alerts_go_out_then_each_is_told(
    rig: Rig, postgres: PostgresServer, database: str, moto: MotoServer, tmp_path: Path
) -> None:
    url = postgres.url(database)
    seed = int(os.environ.get("NTP_CHECKER_SEED") or random.SystemRandom().randrange(2**32))
    chance = random.Random(seed)
    fleet, flight = Fleet(tmp_path / "config.yaml", url), Flight(url)
    began_s = time.monotonic()
    with SesProxy(moto, Weather(random.Random(seed + 1)).choose) as proxy:
        settings = settings_for(
            rig.env() | amazon_settings(proxy.url),
            tmp_path,
            DATABASE_URL=url,
            NTP_CHECKER_CONFIG=str(fleet.config),
            NTP_CHECKER_INTERVAL_S="0.3",
        )
        fleet.begin(FEW)
        with Service("monitor", settings=settings) as monitor:
            kill_often(monitor, proxy, fleet, flight, chance)
            opened_between_kills, sent_between_kills = fleet.take_stock(), len(proxy.calls)
            proxy.choose = ses.no_fault
            tell_the_rest(monitor, fleet)
    calls, flying = proxy.calls, flight.at_kills
    told = all_events(sent.mail for sent in moto.sent())
    opened, all_told = events(url, "opened"), events(url, "opened") | events(url, "resolved")
    twice = doubles_of(calls)
    lost_answers = sum(call.is_taken and call.fault in ses.LOSE_THE_ANSWER for call in calls)
    print(
        f"{KILLS} kills (seed {seed}) in {time.monotonic() - began_s:.0f} s: {len(opened)} alerts "
        f"opened ({opened_between_kills} between kills), {len(all_told)} transitions to tell; "
        f"{len(calls)} attempts ({sent_between_kills} between kills), {len(proxy.taken)} mails; "
        f"lost {len(opened - told)} alerts, {len(all_told - told)} transitions; "
        f"doubles {len(twice)}, {sum(one.is_the_same for one in twice)} with the same message id; "
        f"in flight at kills {sum(flying)} (at {sum(map(bool, flying))} of them, "
        f"{max(flying)} at most), answers lost on the way {lost_answers}"
    )
    print("faults:", dict(Counter(_name(call.fault) for call in calls)))
    states = Counter(rows(url, "SELECT channel, state, error_kind FROM metrics.notification"))
    print("states:", {" ".join(map(str, state)): n for state, n in states.items()})

    assert proxy.errors == []
    assert len(opened) >= ALERTS
    assert all_told - told == set()
    assert max(flying) <= len((OPS, DUTY))
    assert len(twice) <= sum(flying) + lost_answers
    assert [one for one in twice if not one.is_explained(calls)] == []


def events(url: str, transition: str) -> set[UUID]:
    query = "SELECT event_id FROM metrics.alert_event WHERE transition = %(transition)s"
    return {event for (event,) in rows(url, query, transition=transition)}


def _name(fault: Fault | None) -> str:
    if fault is None:
        return "none"
    return fault.value if isinstance(fault, LineFault) else f"{fault.code} {fault.status}"
