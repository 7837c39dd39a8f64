"""Batches of 1,000 samples into PostgreSQL, beside a raw COPY of the same rows into a bare table.

The batch is all that the checker does with it: host numbers, dedupe, the rows, the lease, `latest`,
changes of sources, dirty logs, commit. The COPY is what PostgreSQL can do at best: the finished
bytes of the same rows into a table without keys, one transaction per batch.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ntp_checker.advances import Alerting
from ntp_checker.model import Host, JudgedSample, Limits, Route, SourceMode, SourceState
from ntp_checker.resources import sql_path
from ntp_checker.rules.verdict import judge
from ntp_checker.store.hosts import sync_hosts
from ntp_checker.store.leases import take_all
from ntp_checker.store.pool import CheckerConnection, open_checker_pool
from ntp_checker.store.sample_rows import COPY_COLUMNS, copy_rows
from ntp_checker.writer import WriterRow, write_batch
from tests.postgres import PostgresServer
from tests.sample_factory import judged_sample, source

BATCH_ROWS = 1_000
ROUNDS = 40
WARM_UP = 5
#: Least part of the raw COPY's speed that is promised.
PROMISED_RATIO = 0.12
START_AT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

#: With a route, as what people are to hear of costs, too.
ALERTING = Alerting(routes=(Route(channels=("mail",)),))

Batches = list[list[JudgedSample]]


def make_batches(hosts: int, *, are_healthy: bool) -> Batches:
    """Batches of a fleet of `hosts`, each host's slots 1 s apart and in order."""
    sources = (
        source(),
        *(
            source(f"192.0.2.{n}", mode=SourceMode.SERVER, state=SourceState.COMBINED)
            for n in range(1, 4)
        ),
    )
    made = [judged_sample(f"host{n}", sources=sources) for n in range(hosts)]
    if are_healthy:
        made = [replace(one, verdict=judge(one.sample, Limits(), 30.0)) for one in made]
        assert not any(one.verdict.problems for one in made), made[0].verdict.problems
    per_batch = BATCH_ROWS // hosts

    def at(judged: JudgedSample, number: int) -> JudgedSample:
        slot_at = START_AT + timedelta(seconds=number)
        return replace(
            judged,
            sample=replace(judged.sample, slot_at=slot_at, taken_at=slot_at, host_time_at=slot_at),
        )

    return [
        [at(judged, round_ * per_batch + n) for n in range(per_batch) for judged in made]
        for round_ in range(ROUNDS + WARM_UP)
    ]


async def measure(url: str, hosts: int, *, are_healthy: bool) -> float:
    """The batch's speed as a part of the COPY's, turn and turn about; prints both."""
    batches = make_batches(hosts, are_healthy=are_healthy)
    pool = await open_checker_pool(url)
    try:
        async with pool.connection() as conn:
            ids = await sync_hosts(conn, [Host(name=n, address=n) for n in names_of(batches)])
            epochs = await take_all(conn, "bench", ids.values())
            await conn.execute(
                "CREATE TABLE public.bare AS SELECT * FROM metrics.ntp_parent"
                " WHERE slot_at < '1970-01-01' WITH NO DATA"
            )
            took_s = []
            for batch in batches:
                given = [(ids[judged.sample.host], judged) for judged in batch]
                rows = [
                    WriterRow(lease_epoch=epochs[host_id], judged=one) for host_id, one in given
                ]
                raw = copy_rows(given)
                copy_s = await time_of(copy_raw(conn, raw))
                batch_s = await time_of(write_batch(conn, rows, ALERTING))
                took_s.append((copy_s, batch_s))
            stored = await conn.execute(
                "SELECT count(*) FROM metrics.ntp WHERE slot_at > '2020-01-01'"
            )
            assert await stored.fetchone() == (len(batches) * BATCH_ROWS,)
            await conn.execute("DROP TABLE public.bare")
    finally:
        await pool.close()
    copy_s, batch_s = (statistics.median(column) for column in zip(*took_s[WARM_UP:], strict=True))
    ratio = copy_s / batch_s
    print(
        f"{hosts:5} {'healthy hosts' if are_healthy else 'hosts, an alert each'}: COPY {copy_s * 1e3:6.1f} ms, batch {batch_s * 1e3:6.1f} ms "
        f"({BATCH_ROWS / batch_s:,.0f} samples/s): {ratio:.1%} of a raw COPY"
    )
    return ratio


def names_of(batches: Batches) -> list[str]:
    return sorted({judged.sample.host for judged in batches[0]})


async def copy_raw(conn: CheckerConnection, rows: bytes) -> None:
    statement = f"COPY public.bare ({COPY_COLUMNS}) FROM STDIN (FORMAT binary)".encode()
    async with conn.transaction(), conn.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(rows)


async def time_of(work: Awaitable[object]) -> float:
    started_s = time.perf_counter()
    await work
    return time.perf_counter() - started_s


def main() -> None:
    print(f"{BATCH_ROWS} samples a batch, medians of {ROUNDS} batches")
    ratios = {}
    for hosts, are_healthy in ((50, True), (50, False), (1_000, True)):
        server = PostgresServer()
        try:
            applied = server.psql("postgres", "-f", sql_path("schema.sql"))
            assert applied.returncode == 0, applied.stderr
            ratio = asyncio.run(measure(server.url(), hosts, are_healthy=are_healthy))
            ratios[hosts, are_healthy] = ratio
        finally:
            server.stop()
    promised = ratios[50, True]
    assert promised >= PROMISED_RATIO, f"{promised:.1%} is less than {PROMISED_RATIO:.0%}"


if __name__ == "__main__":
    main()
