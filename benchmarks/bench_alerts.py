"""From the deciding sample to the provider's acceptance, one alert after the other.

The product's own spool, writer, outbox and boto3, PostgreSQL, and moto's SES as the provider. Each
alert is of a host of its own, at random instants a second and more apart: what comes faster waits
for the channel's rate (one message a second by default) or is told together. The figure that is
promised begins where the transition is stored and ends where the answer is, both by the database's
clock; the other one begins when the sample is on the spool's disk.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from ntp_checker.advances import Alerting
from ntp_checker.config import Settings
from ntp_checker.logs import configure_logging
from ntp_checker.model import Host, JudgedSample, Route
from ntp_checker.notify.ses import SesChannel, make_ses_client
from ntp_checker.outbox import DatabaseOutbox, Outbox
from ntp_checker.resources import sql_path
from ntp_checker.store.hosts import sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import open_checker_pool
from ntp_checker.store.spool import Spool
from ntp_checker.telling import make_compose
from ntp_checker.writer import Writer
from tests.made_alerts import CRITICAL_S, judged, offset
from tests.made_samples import SAMPLE
from tests.moto_server import MotoServer
from tests.postgres import PostgresServer
from tests.stored_samples import until

ALERTS = int(os.environ.get("NTP_CHECKER_BENCH_ALERTS", "120"))
APART_S = (1.0, 1.6)
LOOKS = 3  #: until an alert opens
PROMISED_P99_S = 3.0
SENDER = "ntp@example.org"


def looks_of(host: str) -> list[JudgedSample]:
    """The bad looks that open its alert; the last one is of now."""
    now_at = datetime.now(UTC)
    sample = replace(SAMPLE, host=host)
    return [
        judged(now_at - timedelta(seconds=LOOKS - 1 - n), offset(CRITICAL_S), sample=sample)
        for n in range(LOOKS)
    ]


async def send_all(url: str, folder: Path) -> dict[str, float]:
    """When each host's deciding sample was on the spool's disk, epoch s."""
    names = [f"n{number}" for number in range(ALERTS)]
    alerting = Alerting(routes=(Route(channels=("mail",)),), interval_s=1.0)
    stop, chance, spooled_at_s = asyncio.Event(), random.Random(1), {}
    async with AsyncExitStack() as stack:
        pool = await open_checker_pool(url)
        stack.push_async_callback(pool.close)
        spool = Spool(folder / "spool.sqlite")
        stack.push_async_callback(spool.close)
        async with pool.connection() as conn:
            ids = await sync_hosts(conn, [Host(name=name, address=name) for name in names])
            epochs = await take_all(conn, spool.owner, ids.values())
        channel = SesChannel(
            name="mail", client=make_ses_client(), sender=SENDER, recipients=("ops@example.org",)
        )
        compose = make_compose(Settings(public_url="https://ntp.example.org"))
        outbox = Outbox(DatabaseOutbox(pool, compose, owner=spool.owner), {"mail": channel})
        writer = Writer(spool, pool, alerting=lambda: alerting, on_news=outbox.wake)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(writer.run(stop))
            tasks.create_task(outbox.run(stop))
            for name in names:
                await asyncio.sleep(chance.uniform(*APART_S))
                await spool.append_all(looks_of(name), epochs[ids[name]])
                spooled_at_s[name] = time.time()
            await until(lambda: len(accepted(url)) == ALERTS)
            stop.set()
    return spooled_at_s


def accepted(url: str) -> list[tuple[str, float, float]]:
    """Of each accepted notification the host, when its transition was stored, when it was taken."""
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT host.name, extract(epoch FROM event.noted_at)::float8,"
            "       extract(epoch FROM message.accepted_at)::float8"
            "  FROM metrics.notification JOIN metrics.alert_event AS event USING (event_id)"
            "  JOIN metrics.message AS message USING (message_id)"
            "  JOIN metrics.host AS host ON host.host_id = event.host_id"
            " WHERE notification.state = 'accepted'"
        ).fetchall()


def show(what: str, took_s: list[float]) -> float:
    """Prints it; the 99th percentile, s."""
    p99_s = statistics.quantiles(took_s, n=100, method="inclusive")[98]
    print(
        f"{what}: median {statistics.median(took_s):.3f} s, p99 {p99_s:.3f} s, "
        f"max {max(took_s):.3f} s, n = {len(took_s)}"
    )
    return p99_s


def main() -> None:
    configure_logging("warning")
    moto, server = MotoServer(), PostgresServer()
    os.environ |= {
        "AWS_ENDPOINT_URL_SESV2": moto.url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }
    try:
        moto.verify(SENDER)
        applied = server.psql("postgres", "-q", "-f", sql_path("schema.sql"))
        assert applied.returncode == 0, applied.stderr
        with tempfile.TemporaryDirectory() as folder:
            spooled_at_s = asyncio.run(send_all(server.url(), Path(folder)))
        taken = accepted(server.url())
        assert len(taken) == len(moto.sent()) == ALERTS, (len(taken), len(moto.sent()))
    finally:
        server.stop()
        moto.stop()
    show("on the spool's disk to accepted", [end - spooled_at_s[host] for host, _, end in taken])
    p99_s = show("stored to accepted", [end_s - stored_s for _, stored_s, end_s in taken])
    assert p99_s <= PROMISED_P99_S, f"p99 {p99_s:.3f} s is more than {PROMISED_P99_S:g} s"


if __name__ == "__main__":
    main()
