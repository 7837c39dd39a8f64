"""How long a wrong clock takes to become a mail, from the step on.

`make alert-delay` does it at an interval of 10 s, five times at any moment between two looks, and
holds it to N intervals and 5 s (NTP_CHECKER_DELAY_INTERVAL_S, NTP_CHECKER_DELAY_STEPS); here it is
done once at 1 s, and only measured. The rig's chronyd asks its sources four times a second: what
real poll intervals add is in docs/how-a-look-works.md.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.mail import mail_settings, rows
from tests.acceptance.processes import Service, settings_for
from tests.moto_server import MotoServer
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until

INTERVAL_S = float(os.environ.get("NTP_CHECKER_DELAY_INTERVAL_S", "1"))
STEPS = int(os.environ.get("NTP_CHECKER_DELAY_STEPS", "1"))
LOOKS = 3
#: chronyd starts anew and selects a source, the writer's tick, the outbox, SES.
REST_S = 5.0
IS_HELD_TO_IT = INTERVAL_S >= 10.0
WAIT_S = 90.0 + 10 * INTERVAL_S


@pytest.mark.timeout(200 + STEPS * 20 * INTERVAL_S)
def test_clock_when_it_steps_then_mailed_after_the_third_look(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    postgres: PostgresServer,
    database: str,
    moto: MotoServer,
    tmp_path: Path,
) -> None:
    hosts = [rig_host() for _ in range(STEPS)]  # one that steps again and again would be flapping
    url = postgres.url(database)
    settings = settings_for(
        rig.env() | mail_settings(moto.url),
        tmp_path,
        DATABASE_URL=url,
        NTP_CHECKER_HOSTS=",".join(host.target for host in hosts),
        NTP_CHECKER_INTERVAL_S=str(INTERVAL_S),
    )
    delays_s = []
    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: _right(url) == STEPS, "the clocks are right", timeout_s=WAIT_S)
        for number, host in enumerate(hosts):
            threading.Event().wait(random.uniform(0, INTERVAL_S))
            stepped_at_s = time.time()
            host.change_clock_offset(0.25)
            wait_until(lambda: _mailed(url, "opened", number + 1), "mailed", timeout_s=WAIT_S)  # noqa: B023 - used at once
            delays_s.append(_mailed(url, "opened", number + 1) - stepped_at_s)
            host.change_clock_offset(0.0)
            wait_until(lambda: _mailed(url, "resolved", number + 1), "over", timeout_s=WAIT_S)  # noqa: B023 - used at once
        monitor.stop()

    told = ", ".join(f"{delay_s:.1f}" for delay_s in sorted(delays_s))
    print(f"0.25 s step to mail at {INTERVAL_S:g} s, {LOOKS} looks: {told} s")
    assert len(delays_s) == STEPS
    assert not IS_HELD_TO_IT or max(delays_s) <= LOOKS * INTERVAL_S + REST_S


def _right(url: str) -> int:
    return len(rows(url, "SELECT 1 FROM metrics.latest WHERE sample ->> 'status' = 'ok'"))


def _mailed(url: str, transition: str, number: int) -> float:
    """When SES took the mail on the nth of these transitions, epoch s; 0: not yet."""
    found = rows(
        url,
        "SELECT extract(epoch FROM message.accepted_at)::float8 FROM metrics.notification"
        " JOIN metrics.alert_event AS event USING (event_id)"
        " JOIN metrics.message AS message USING (message_id)"
        " WHERE event.code = 'offset_high' AND event.transition = %(transition)s"
        " AND message.accepted_at IS NOT NULL ORDER BY message.accepted_at",
        transition=transition,
    )
    return float(found[number - 1][0]) if len(found) >= number else 0.0
