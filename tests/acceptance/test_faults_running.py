"""Faults that come and go under a running `monitor`: what its rows say, and what it leaves."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.commands import COMMAND, environment, run
from tests.acceptance.faults import DEADLINE_S
from tests.acceptance.processes import Service, settings_for
from tests.acceptance.stored_rows import WAIT_S, Row, Watch
from tests.postgres import PostgresServer
from tests.rig import ChronyState, Cut, GpsFeed, NtpReply, Rig, RigHost, wait_until

pytestmark = pytest.mark.timeout(300)

#: Nothing of ours may be left on a host this long after the checker was killed.
LEFT_S = 90.0
#: A login and some ten looks.
DYING_BYTES = 12_000
DATABASE = "faults_running"


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the monitor stored of each host, and what it kept running on them."""

    rows: Mapping[str, list[Row]]
    broken_at: datetime  #: the newest slot when the faults came
    kept_before: Mapping[str, frozenset[int]]  #: kept chronyc of each host before the faults
    kept_after: Mapping[str, frozenset[int]]  #: and when all was well again
    log: str


WANTED: dict[str, dict[str, Any]] = {
    "healthy": {},
    "restarted": {},
    "frozen": {},
    "sources lost": {"chrony": ChronyState.SETTLED},
    "pulse lost": {"gps": GpsFeed.FIX_3D, "chrony": ChronyState.REFCLOCK},
    "fix lost": {"gps": GpsFeed.FIX_3D, "chrony": ChronyState.REFCLOCK},
    "cut off": {},
    "dying link": {},
}
#: A row of each host that must come: its status, codes among its own, part and kind.
TOLD = {
    "restarted": ("critical", {"chronyd_down"}, ("tracking", "chronyd_down")),
    "frozen": ("unknown", {"probe_failed"}, ("tracking", "deadline")),
    "sources lost": (
        "critical",
        {"no_selected_source", "source_unreachable", "reference_stale"},
        None,
    ),
    "pulse lost": ("critical", {"no_selected_source", "source_unreachable"}, None),
    "fix lost": ("critical", {"gps_no_fix"}, None),
    "cut off": ("unknown", {"host_unreachable"}, ("login", "unreachable")),
}


def _kept(host: RigHost) -> frozenset[int]:
    """Processes of chronyc that are kept on a host: those without a command in their arguments."""
    found = set()
    for pid in host.session_pids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:  # gone meanwhile
            continue
        if words and words[0].endswith(b"chronyc") and words[-1] == b"-n":
            found.add(pid)
    return frozenset(found)


def _break(hosts: Mapping[str, RigHost]) -> None:
    hosts["restarted"].stop_chronyd()
    hosts["frozen"].freeze_chronyd()
    hosts["sources lost"].references.stop()
    hosts["pulse lost"].chronyd.refclocks.stop()
    hosts["fix lost"].gpsd.change_feed(GpsFeed.NO_FIX)
    hosts["cut off"].stop_sshd()


def _heal(hosts: Mapping[str, RigHost]) -> None:
    hosts["restarted"].start_chronyd()
    hosts["frozen"].thaw_chronyd()
    hosts["pulse lost"].chronyd.refclocks.start()
    hosts["fix lost"].gpsd.change_feed(GpsFeed.FIX_3D)
    hosts["cut off"].start_sshd()


HEALED = ("healthy", "restarted", "frozen", "pulse lost", "fix lost", "cut off")


@pytest.fixture(scope="module")
def hosts(rig: Rig) -> Iterator[Mapping[str, RigHost]]:
    lost = rig.new_servers(NtpReply())
    started = rig.group(
        {f"{name}, running": arguments for name, arguments in WANTED.items()}
        | {"sources lost, running": WANTED["sources lost"] | {"references": lost}}
    )
    yield {name.removesuffix(", running"): host for name, host in started.items()}
    for host in started.values():
        rig.retire(host)


@pytest.fixture(scope="module")
def story(
    rig: Rig,
    hosts: Mapping[str, RigHost],
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    dying = hosts["dying link"]
    link = rig.new_faulty_link(dying, Cut.SILENCE, after_bytes=DYING_BYTES)
    targets = {name: host.target for name, host in hosts.items()}
    targets["dying link"] = f"{dying.user}@{link.address}:{link.port}"
    with ExitStack() as stack:
        admin = stack.enter_context(psycopg.connect(postgres.url(), autocommit=True))
        admin.execute(f"CREATE DATABASE {DATABASE}".encode())
        stack.callback(admin.execute, f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
        settings = settings_for(
            rig.env(),
            tmp_path_factory.mktemp("running"),
            DATABASE_URL=postgres.url(DATABASE),
            NTP_CHECKER_HOSTS=",".join(targets.values()),
        )
        assert run("db", "init", settings=settings).returncode == 0
        conn = psycopg.connect(postgres.url(DATABASE), autocommit=True)
        watch = Watch(
            stack.enter_context(closing(conn)), {name: host.address for name, host in hosts.items()}
        )
        monitor = stack.enter_context(Service("monitor", settings=settings))
        broken_at = max(watch.wait_ok(name) for name in hosts if name != "dying link")
        for name in ("healthy", "restarted"):  # on a busy machine a channel comes at the second try
            wait_until(lambda kept=hosts[name]: _kept(kept), f"{name} is kept", timeout_s=LEFT_S)
        kept_before = {name: _kept(host) for name, host in hosts.items()}
        _break(hosts)
        for name, told in TOLD.items():
            watch.wait_told(name, *told)
        _heal(hosts)
        for name in HEALED:
            watch.wait_ok(name, broken_at)
        wait_until(lambda: link.cuts >= 2, "the link died twice", timeout_s=WAIT_S)
        kept_after = {name: _kept(host) for name, host in hosts.items()}
        rows = {name: watch.rows(name) for name in hosts}
        monitor.kill()
        yield Story(
            rows=rows,
            broken_at=broken_at,
            kept_before=kept_before,
            kept_after=kept_after,
            log=monitor.log,
        )


@pytest.mark.parametrize("name", TOLD)
def test_monitor_tells_a_fault_that_comes_while_it_runs(story: Story, name: str) -> None:
    status, codes, failure = TOLD[name]
    told = [row for row in story.rows[name] if row.failure == failure and codes <= row.codes]

    assert status in {row.status for row in told}


@pytest.mark.parametrize("name", HEALED)
def test_monitor_is_ok_again_when_the_fault_is_gone(story: Story, name: str) -> None:
    assert {row.status for row in story.rows[name][-3:]} == {"ok"}


@pytest.mark.parametrize("name", WANTED)
def test_monitor_has_one_row_for_every_slot_whatever_happens(story: Story, name: str) -> None:
    slots = [row.slot_at.timestamp() for row in story.rows[name]]
    steps = {round(later - earlier) for earlier, later in pairwise(slots)}

    assert len(slots) > 10
    assert steps == {1}


def test_monitor_faults_of_others_cost_a_healthy_host_nothing(story: Story) -> None:
    after = [row for row in story.rows["healthy"] if row.slot_at >= story.broken_at]

    assert {row.status for row in after} <= {"ok", "unknown"}
    assert sum(row.status == "unknown" for row in after) <= len(after) / 10


def test_monitor_kept_channel_survives_a_restart_of_chronyd(story: Story) -> None:
    assert len(story.kept_before["restarted"]) == 1
    assert story.kept_after["restarted"] == story.kept_before["restarted"]


def test_monitor_keeps_one_channel_on_each_host(story: Story) -> None:
    kept = {name: len(pids) for name, pids in story.kept_after.items() if name != "dying link"}

    assert max(kept.values()) == 1
    assert kept["healthy"] == 1


@pytest.mark.parametrize("name", ["sources lost", "pulse lost", "fix lost"])
def test_monitor_tells_it_before_stratum_or_leap_do(story: Story, name: str) -> None:
    before = {row.stratum for row in story.rows[name] if row.slot_at <= story.broken_at}
    told = [row for row in story.rows[name] if TOLD[name][1] <= row.codes]

    assert told[0].stratum in before
    assert "unsynchronised" not in told[0].codes


def test_monitor_link_that_dies_in_silence_costs_one_look_at_a_time(story: Story) -> None:
    rows = story.rows["dying link"]
    silent = [row for row in rows if row.failure == ("tracking", "deadline")]

    assert silent
    assert {row.status for row in silent} == {"unknown"}
    assert {row.status for row in rows if row.slot_at > silent[0].slot_at} >= {"ok"}


def test_monitor_says_no_traceback(story: Story) -> None:
    assert "Traceback" not in story.log


def test_monitor_killed_leaves_no_process_on_any_host(
    story: Story, hosts: Mapping[str, RigHost]
) -> None:
    assert story.kept_after["healthy"]
    for name, host in hosts.items():
        # Where a link died in silence only sshd can tell, by its own keep-alives.
        if name != "dying link":
            host.wait_no_sessions(timeout_s=LEFT_S)


def test_check_killed_in_mid_look_leaves_no_process(
    rig: Rig, hosts: Mapping[str, RigHost], story: Story
) -> None:
    assert story.rows
    host = hosts["healthy"]
    host.wait_no_sessions(timeout_s=LEFT_S)
    host.replace_program("chronyc", "#!/bin/sh\nexec sleep 600\n")
    settings = rig.env() | {"NTP_CHECKER_DEADLINE_S": str(DEADLINE_S)}
    with subprocess.Popen(
        [*COMMAND, "check", host.target],
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as check:
        wait_until(host.session_pids, "chronyc runs on the host", timeout_s=WAIT_S)
        check.kill()
        check.wait()

    host.wait_no_sessions(timeout_s=LEFT_S)
