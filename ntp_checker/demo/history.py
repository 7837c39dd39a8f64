"""The fleet's past: simulated, judged, and stored as real samples are, on all cores."""

import asyncio
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ntp_checker.advances import Alerting
from ntp_checker.demo.examiner import RAW_EVERY_IN_THE_PAST, Examiner
from ntp_checker.demo.host import HostSpec, SimulatedHost
from ntp_checker.demo.slots import looks_of, past_slots
from ntp_checker.errors import NtpCheckerError, StoreError
from ntp_checker.logs import configure_logging
from ntp_checker.store.conninfo import AnyUrl
from ntp_checker.store.pool import open_checker_pool
from ntp_checker.writer import BATCH_ROWS, WriterRow, write_batch

log = structlog.get_logger()

MAX_PROCESSES = 4
#: The past has its alerts, as if they had been watched; there is no route on which one is told.
_TOLD_TO_NOBODY = Alerting()
#: How often a dead process is looked for.
WATCH_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is common to all hosts."""

    url: AnyUrl  #: of the database
    seed: str
    interval_s: float
    gps_interval_s: float
    from_at: datetime
    to_at: datetime  #: not included


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """One host and the lease under which its samples are stored."""

    spec: HostSpec
    lease_epoch: int

    def from_at(self, plan: Plan) -> datetime:
        """When it was looked at first."""
        if self.spec.since_s is None:
            return plan.from_at
        return max(plan.from_at, datetime.fromtimestamp(self.spec.since_s, plan.from_at.tzinfo))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTimes:
    """CPU seconds by stage, over all processes."""

    simulating_s: float = 0.0
    judging_s: float = 0.0
    storing_s: float = 0.0  #: on our side; the server's own are not in it
    samples: int = 0

    def __add__(self, other: "LoadTimes") -> "LoadTimes":
        return LoadTimes(
            simulating_s=self.simulating_s + other.simulating_s,
            judging_s=self.judging_s + other.judging_s,
            storing_s=self.storing_s + other.storing_s,
            samples=self.samples + other.samples,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDone:
    """A host whose past is stored: its simulation goes on from there."""

    host: SimulatedHost
    times: LoadTimes


#: What a process tells: so many samples stored, a host done, or why it failed.
_News = int | HostDone | NtpCheckerError


def load_history(plan: Plan, hosts: Sequence[HostPlan]) -> list[SimulatedHost]:
    """Stores every host's past; how each of them stands afterwards.

    Raises StoreError. A signal's exception ends the processes, too.
    """
    context = multiprocessing.get_context("spawn")
    work: Queue[HostPlan | None] = context.Queue()
    news: Queue[_News] = context.Queue()
    count = min(MAX_PROCESSES, os.cpu_count() or 1, len(hosts))
    # Those with a receiver take longest: first, so that no core waits for the last of them.
    for host in sorted(hosts, key=lambda one: one.spec.receiver is None):
        work.put(host)
    for _ in range(count):
        work.put(None)
    processes = [
        context.Process(target=_work, args=(plan, work, news), daemon=True) for _ in range(count)
    ]
    started_s = time.monotonic()
    for process in processes:
        process.start()
    log.info("simulating the past", since=plan.from_at.isoformat(), processes=count)
    try:
        done = _gather(plan, hosts, news, processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
    times = sum((one.times for one in done), start=LoadTimes())
    log.info(
        "history is there",
        hosts=len(done),
        samples=times.samples,
        took_s=round(time.monotonic() - started_s, 1),
        simulating_cpu_s=round(times.simulating_s, 1),
        judging_cpu_s=round(times.judging_s, 1),
        storing_cpu_s=round(times.storing_s, 1),
        processes=count,
    )
    return [one.host for one in done]


def _gather(
    plan: Plan,
    hosts: Sequence[HostPlan],
    news: "Queue[_News]",
    processes: Sequence[BaseProcess],
) -> list[HostDone]:
    """Shows how far it is, until every host is done. Raises what a process reports."""
    total = sum(looks_of(plan.interval_s, host.from_at(plan), plan.to_at) for host in hosts)
    done: list[HostDone] = []
    with _progress() as progress:
        task = progress.add_task("simulated history", total=total)
        for one in _listen(news, processes):
            match one:
                case HostDone():
                    done.append(one)
                case NtpCheckerError():
                    raise one
                case _:
                    progress.advance(task, one)
            if len(done) == len(hosts):
                progress.update(task, completed=total)
                return done
    raise StoreError("a process of the demo ended by itself; its log says why")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _listen(news: "Queue[_News]", processes: Sequence[BaseProcess]) -> Iterator[_News]:
    """What the processes tell; ends when all have left and nothing is left to hear."""
    while True:
        all_left = all(process.exitcode is not None for process in processes)
        try:
            yield news.get(timeout=WATCH_S)
        except queue.Empty:
            if all_left or any(process.exitcode for process in processes):
                return


def _work(plan: Plan, work: "Queue[HostPlan | None]", news: "Queue[_News]") -> None:
    """A process: host after host. Ctrl-C is for the one who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging("warning")
    while (host := work.get()) is not None:
        try:
            news.put(asyncio.run(_load_host(plan, host, news)))
        except NtpCheckerError as error:
            news.put(StoreError(f"{host.spec.host.name}: {error}"))
            return


async def _load_host(plan: Plan, host_plan: HostPlan, news: "Queue[_News]") -> HostDone:
    from_at = host_plan.from_at(plan)
    host = SimulatedHost(host_plan.spec, from_at.timestamp(), plan.seed)
    examiner = Examiner(host.spec, plan.gps_interval_s, RAW_EVERY_IN_THE_PAST)
    times = LoadTimes()
    slots = past_slots(host.spec.host.name, plan.interval_s, from_at, plan.to_at)
    pool = await open_checker_pool(plan.url)
    try:
        async with pool.connection() as conn:
            while batch := [slot_at for slot_at, _ in zip(slots, range(BATCH_ROWS), strict=False)]:
                began_s = time.process_time()
                samples = [host.look(slot_at) for slot_at in batch]
                simulated_s = time.process_time()
                judged = [examiner.judged(sample) for sample in samples]
                judged_s = time.process_time()
                await write_batch(
                    conn,
                    [WriterRow(lease_epoch=host_plan.lease_epoch, judged=one) for one in judged],
                    _TOLD_TO_NOBODY,
                )
                times += LoadTimes(
                    simulating_s=simulated_s - began_s,
                    judging_s=judged_s - simulated_s,
                    storing_s=time.process_time() - judged_s,
                    samples=len(batch),
                )
                news.put(len(batch))
    finally:
        await pool.close()
    return HostDone(host=host, times=times)
