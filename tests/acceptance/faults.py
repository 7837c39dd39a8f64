"""Faults as data: what is done to a host, and what `ntp-checker check` has to say of it.

Every fault is looked at by a process of its own, several at once: the exit status is each one's.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tests.acceptance.commands import COMMAND, codes, environment
from tests.rig import Rig, RigHost

#: Of one look. Long enough for a healthy host on a busy machine.
DEADLINE_S = 6
#: What a look may take beyond its deadline, to clean up.
GRACE_S = 2.0
#: Of the GPS part, on top: it is read after the rest.
GPS_DEADLINE_S = 10
EXITS = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
_AT_ONCE = 6
_GIVE_UP_S = 90

PartFailures = frozenset[tuple[str, str]]


def both_parts(kind: str) -> PartFailures:
    """Nothing was had of chrony."""
    return frozenset({("tracking", kind), ("sources", kind)})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One state of a host, and how it must be named."""

    status: str
    codes: frozenset[str] = frozenset()  #: all of them
    beside: frozenset[str] = frozenset()  #: codes that may come with them, or not
    failures: PartFailures = frozenset()  #: part and kind; GPS only where `judges_gps`
    host: Callable[[Rig], Mapping[str, Any]] = lambda _: {}  #: arguments of Rig.host()
    break_it: Callable[[RigHost], object] | None = None  #: once the host is ready
    options: tuple[str, ...] = ()
    judges_gps: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one `check` process said of one host."""

    exit_status: int
    sample: dict[str, Any]
    stderr: str
    took_s: float
    peak_kib: int


@contextmanager
def broken_hosts(rig: Rig, faults: Mapping[str, Fault]) -> Iterator[dict[str, RigHost]]:
    """One host for each fault, broken where it asks for that, and gone afterwards."""
    hosts = rig.group({name: fault.host(rig) for name, fault in faults.items()})
    try:
        for name, fault in faults.items():
            if fault.break_it is not None:
                fault.break_it(hosts[name])
        yield hosts
    finally:
        for host in hosts.values():
            rig.retire(host)


def targets_of(hosts: Mapping[str, RigHost]) -> dict[str, str]:
    """Where `check` has to look for each of them."""
    return {name: host.target for name, host in hosts.items()}


def find_all(
    rig: Rig, faults: Mapping[str, Fault], targets: Mapping[str, str]
) -> dict[str, Future[Finding]]:
    """Looks at every one of them; all are done when it returns."""

    def look(fault: Fault, target: str) -> Finding:
        return find(rig.env(), [target], options=fault.options)[0]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {name: pool.submit(look, fault, targets[name]) for name, fault in faults.items()}


def find(
    settings: Mapping[str, str], targets: Sequence[str], *, options: Sequence[str] = ()
) -> list[Finding]:
    """One `check --json` process over these targets: a finding for each."""
    argv = [*COMMAND, "check", "--json", *options, *targets]
    env = environment({"NTP_CHECKER_DEADLINE_S": str(DEADLINE_S), **settings})
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-ISc", _MEASURED, *argv],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=_GIVE_UP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    took_s = time.monotonic() - began
    said, _, peak_kib = stderr.decode(errors="replace").rpartition("\n")
    assert stdout, said
    return [
        Finding(
            exit_status=process.returncode,
            sample=sample,
            stderr=said,
            took_s=took_s,
            peak_kib=int(peak_kib),
        )
        for sample in orjson.loads(stdout)
    ]


#: Runs a command, and says behind its last word on stderr how much memory it took at most, in KiB.
_MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
sys.stderr.write(f"\\n{peak}")
sys.exit(status)
"""


def assert_named(fault: Fault, finding: Finding) -> None:
    """The fault has its codes, its status, its exit status, and the parts that failed."""
    sample = finding.sample
    said = orjson.dumps(sample, option=orjson.OPT_INDENT_2).decode()
    failures = {
        (failure["part"], failure["kind"])
        for failure in sample["failures"]
        if fault.judges_gps or failure["part"] != "gps"
    }
    assert codes(sample) - fault.beside == fault.codes, said
    assert sample["status"] == fault.status, said
    assert finding.exit_status == EXITS[fault.status], said
    assert failures == fault.failures, said
    assert all(failure["detail"] for failure in sample["failures"]), said
    assert all(problem["text"] for problem in sample["problems"]), said
    assert finding.stderr.strip() == ""
    assert sample["duration_s"] < DEADLINE_S + GRACE_S, said
