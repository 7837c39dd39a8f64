"""What one look costs the client: ours against the ways others take, on one real host, in one run.

Each way reads tracking, sources and sourcestats over SSH. CPU is user + system of the client's
own processes; the ways take turns in rounds, and the ratio is taken round by round.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ntp_checker.collect.probe import Probe
from ntp_checker.collect.restricted import authorized_keys_line, forced_command_script
from ntp_checker.collect.ssh import SshShell
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.targets import parse_target
from tests.rig import Rig, RigHost
from tests.rig.parts import find_part

ROUNDS = 9
OURS_PER_ROUND = 300
SHARED_PER_ROUND = 20
ANEW_PER_ROUND = 5
#: Least ratios of client CPU: `ssh` anew to ours, and a shared ControlMaster to ours.
ANEW_TIMES, SHARED_TIMES = 100.0, 4.0

REPORTS = "chronyc -c -n -m tracking sources sourcestats"


@dataclass
class Cost:
    """Milliseconds a look, one figure a round."""

    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)

    def add(self, cpu_s: float, wall_s: float, looks: int) -> None:
        self.cpu_ms.append(cpu_s / looks * 1e3)
        self.wall_ms.append(wall_s / looks * 1e3)


def ssh_words(rig: Rig, host: RigHost) -> list[str]:
    """The OpenSSH client with the rig's key and no settings of this account."""
    return [
        str(find_part("ssh")), "-F", "none", "-i", str(rig.ssh_key_path), "-p", str(host.port),
        "-o", f"UserKnownHostsFile={rig.known_hosts_path}", "-o", "BatchMode=yes",
        "-o", "IdentityAgent=none", "-l", host.user,
    ]  # fmt: skip


def run_children(words: list[str], looks: int) -> tuple[float, float]:
    """CPU and wall seconds of so many processes, one after the other; each must answer."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for _ in range(looks):
        done = subprocess.run(
            words, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=30
        )
        assert done.stdout.count(b"\n") >= 7, done
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu_s, wall_s


def shared_connection(
    words: list[str], socket: Path, address: str
) -> AbstractContextManager[object]:
    """A ControlMaster that stays in the background for the whole run."""
    stack = ExitStack()
    subprocess.run([*words, "-MNf", "-S", str(socket), address], check=True, timeout=30)
    stack.callback(
        subprocess.run, [*words, "-S", str(socket), "-O", "exit", address], capture_output=True
    )
    return stack


def restrict(rig: Rig, host: RigHost) -> None:
    """Puts the forced command in front of the rig's key."""
    script = host.folder / "look"
    script.write_text(forced_command_script(), encoding="ascii")
    script.chmod(0o755)
    key = rig.ssh_key_path.with_suffix(".pub").read_text(encoding="ascii")
    line = authorized_keys_line(" ".join(key.split()[:2]), str(script))
    host.sshd.authorized_keys_path.write_text(line + "\n", encoding="ascii")


def make_probe(rig: Rig, host: RigHost) -> Probe:
    target = parse_target(host.target)
    credentials = SshCredentials(rig.ssh_key_path, rig.known_hosts_path)
    return Probe(target, SshShell(target, credentials), interval_s=30.0, deadline_s=8.0, now=now)


def now() -> datetime:
    return datetime.now(UTC)


async def look_often(probe: Probe, looks: int) -> tuple[float, float]:
    """CPU and wall seconds of this process for so many looks; each must be whole."""
    cpu_s, started = time.process_time(), time.perf_counter()
    for _ in range(looks):
        sample = await probe.look(now())
        assert sample.tracking is not None
        assert len(sample.sources or ()) == 3
    return time.process_time() - cpu_s, time.perf_counter() - started


async def measure(rig: Rig) -> dict[str, Cost]:
    plain, bound = rig.host("plain"), rig.host("restricted")
    restrict(rig, bound)
    probes = {
        "ours, plain account": make_probe(rig, plain),
        "ours, restricted key": make_probe(rig, bound),
    }
    for probe in probes.values():
        await look_often(probe, 5)
    words, socket = ssh_words(rig, plain), plain.folder / "m"
    plugin = [
        str(find_part("check_by_ssh")), "-H", plain.address, "-p", str(plain.port), "-l", plain.user,
        "-i", str(rig.ssh_key_path), "-o", f"UserKnownHostsFile={rig.known_hosts_path}",
        "-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-F", "none", "-C", REPORTS,
    ]  # fmt: skip
    children = {
        "ssh anew": ([*words, plain.address, REPORTS], ANEW_PER_ROUND),
        "ssh with ControlMaster": (
            [*words, "-S", str(socket), plain.address, REPORTS],
            SHARED_PER_ROUND,
        ),
        "check_by_ssh": (plugin, ANEW_PER_ROUND),
    }
    costs = {name: Cost() for name in [*probes, *children]}
    with shared_connection(words, socket, plain.address):
        for _ in range(ROUNDS):
            for name, probe in probes.items():
                costs[name].add(*await look_often(probe, OURS_PER_ROUND), OURS_PER_ROUND)
            for name, (command, looks) in children.items():
                costs[name].add(*run_children(command, looks), looks)
    for probe in probes.values():
        await probe.close()
    return costs


def ratio(costs: dict[str, Cost], dear: str, cheap: str) -> float:
    pairs = zip(costs[dear].cpu_ms, costs[cheap].cpu_ms, strict=True)
    return statistics.median(a / b for a, b in pairs)


def main() -> int:
    with Rig() as rig:
        costs = asyncio.run(measure(rig))
    print(f"one look, medians of {ROUNDS} rounds on {os.cpu_count()} cores")
    for name, cost in costs.items():
        cpu, wall = statistics.median(cost.cpu_ms), statistics.median(cost.wall_ms)
        print(f"  {name:24} client CPU {cpu:8.3f} ms   wall {wall:8.2f} ms")
    missed = 0
    for ours in ("ours, plain account", "ours, restricted key"):
        for dear, wanted in (
            ("ssh anew", ANEW_TIMES),
            ("ssh with ControlMaster", SHARED_TIMES),
            ("check_by_ssh", ANEW_TIMES),
        ):
            times = ratio(costs, dear, ours)
            word = "ok" if times >= wanted else "NOT REACHED"
            missed += times < wanted and dear != "check_by_ssh"
            print(f"  {dear} / {ours}: {times:.0f} x the client CPU (wanted {wanted:.0f}): {word}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
