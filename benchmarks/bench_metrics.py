"""What metrics cost: a look's part of it, a scrape of many hosts, and who waits meanwhile.

`python benchmarks/bench_metrics.py [HOSTS]`; aims at 20 us a look and 100 ms a scrape of 1,000.
"""

import asyncio
import gzip
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from prometheus_client.exposition import choose_encoder

from ntp_checker.metrics import CheckerMetrics, MetricsServer, open_listener
from ntp_checker.model import Host, JudgedSample
from ntp_checker.rules.verdict import judge
from ntp_checker.store.rollups import TIERS
from tests.made_samples import NOW, SAMPLE, gps_report, with_gps

#: Every tenth host has a receiver.
GPS_EVERY = 10
ROUNDS = 5
SCRAPES = 20
FORMATS = {
    "text": "text/plain;version=0.0.4",
    "OpenMetrics": "application/openmetrics-text;version=1.0.0",
}


def look_at(host: Host, number: int) -> JudgedSample:
    has_gps = number % GPS_EVERY == 0
    sample = replace(
        with_gps(gps_report()) if has_gps else SAMPLE,
        host=host.name,
        taken_at=NOW + timedelta(milliseconds=1),
        duration_s=0.002,
    )
    return JudgedSample(sample=sample, verdict=judge(sample, host.limits, 30 if has_gps else None))


def best_s(work: Callable[[], object]) -> float:
    """CPU, which other processes hardly change."""
    took = []
    for _ in range(ROUNDS):
        began_s = time.thread_time()
        work()
        took.append(time.thread_time() - began_s)
    return min(took)


async def longest_wait_s(is_over: threading.Event) -> float:
    """How late a loop in this process wakes up, at worst, until it is over."""
    longest = 0.0
    while not is_over.is_set():
        due_s = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - due_s)
    return longest


def wait_beside_scrapes(metrics: CheckerMetrics) -> float:
    listener: socket.socket = open_listener("127.0.0.1", 0, "bench")
    is_over = threading.Event()

    def scrape(port: int) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics", headers={"Accept": FORMATS["OpenMetrics"]}
        )
        for _ in range(SCRAPES):
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - http
                answer.read()
        is_over.set()

    with MetricsServer(listener, metrics.registry) as server:
        threading.Thread(target=scrape, args=(server.port,)).start()
        return asyncio.run(longest_wait_s(is_over))


def packed(body: bytes) -> int:
    return len(gzip.compress(body, 1))


def main(hosts: int) -> None:
    watched = [
        Host(name=f"host-{n:05}.example.org", address=f"host-{n:05}.example.org")
        for n in range(hosts)
    ]
    metrics = CheckerMetrics(version="bench", channels=["ses"], tiers=[tier.name for tier in TIERS])
    metrics.watch(watched)
    looks = [look_at(host, number) for number, host in enumerate(watched)]

    def look() -> None:
        for one in looks:
            metrics.looked(one)

    print(f"a look: {best_s(look) / hosts * 1e6:.1f} us of CPU")
    for name, accept in FORMATS.items():
        encode, _ = choose_encoder(accept)
        body = encode(metrics.registry)
        took_s = best_s(partial(encode, metrics.registry))
        print(f"a scrape of {hosts} hosts as {name}: {took_s * 1e3:.0f} ms of CPU")
        print(f"  {len(body.splitlines())} lines, {len(body)} bytes, {packed(body)} packed")
    is_over = threading.Event()
    threading.Timer(5.0, is_over.set).start()
    print(f"a loop alone: {asyncio.run(longest_wait_s(is_over)) * 1e3:.1f} ms late at worst")
    late_s = wait_beside_scrapes(metrics)
    print(f"a loop beside {SCRAPES} scrapes: {late_s * 1e3:.1f} ms late at worst")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
