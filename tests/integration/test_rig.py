"""The rig's hosts are what they say: seen with the plain OpenSSH client, chronyc and gpspipe."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig import ChronyAccess, ChronyState, GpsFeed, Rig, RigHost, wait_until
from tests.rig.nmea import POSITION_TEXTS
from tests.rig.parts import find_part
from tests.rig.reaper import started_ticks

StartHost = Callable[..., RigHost]
_SSH_S = 30
_SSH_FAILED = 255


def _on_host(rig: Rig, host: RigHost, command: str) -> subprocess.CompletedProcess[str]:
    """Runs one command over SSH with the rig's key, known_hosts and nothing else."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(rig.known_hosts_path),
        "GlobalKnownHostsFile": "/dev/null",
    }
    flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    login = ["-i", str(rig.ssh_key_path), "-p", str(host.port), f"{host.user}@{host.address}"]
    return subprocess.run(
        [find_part("ssh"), "-F", "/dev/null", *flags, *login, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SSH_S,
    )


def _chronyc(rig: Rig, host: RigHost, command: str) -> list[list[str]]:
    """The fields of each line of one chronyc report, read over SSH."""
    run = _on_host(rig, host, f"chronyc -c -n {command}")
    assert run.returncode == 0, run
    return [line.split(",") for line in run.stdout.splitlines()]


def _gpspipe(rig: Rig, host: RigHost) -> list[dict[str, object]]:
    """The reports of three seconds, read over SSH."""
    run = _on_host(rig, host, "timeout 10 gpspipe -w -x 3")
    assert run.returncode == 0, run
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_healthy_host_when_started_then_one_of_three_sources_is_selected(
    rig: Rig, rig_host: StartHost
) -> None:
    began = time.monotonic()
    host = rig_host()
    took_s = time.monotonic() - began
    states = [fields[1] for fields in _chronyc(rig, host, "sources")]

    assert len(states) == 3
    assert states.count("*") == 1
    assert set(states) <= {"*", "+", "-"}
    assert took_s < 5, f"{took_s:.1f} s; about 0.7 s on an idle machine"


@pytest.mark.parametrize(("clock_offset_s", "words"), [(0.25, "fast"), (-0.25, "slow")])
def test_clock_offset_when_positive_then_chronyc_says_fast(
    rig: Rig, rig_host: StartHost, clock_offset_s: float, words: str
) -> None:
    host = rig_host(clock_offset_s=clock_offset_s)
    printed_s = float(_chronyc(rig, host, "tracking")[0][4])
    text = _on_host(rig, host, "chronyc tracking").stdout

    assert printed_s == pytest.approx(-clock_offset_s, abs=0.005)  # chronyc: positive = slow
    assert f"seconds {words} of NTP time" in text


def test_clock_offset_when_changed_then_chronyc_follows(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host()
    host.change_clock_offset(0.25)

    assert float(_chronyc(rig, host, "tracking")[0][4]) == pytest.approx(-0.25, abs=0.005)


def test_never_synchronised_host_when_asked_then_no_source_was_heard(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(chrony=ChronyState.NEVER_SYNCHRONISED)
    sources = _chronyc(rig, host, "sources")

    assert _chronyc(rig, host, "tracking")[0][13] == "Not synchronised"
    assert [(fields[1], fields[5]) for fields in sources] == [("?", "0")] * 3


def test_host_without_sources_when_asked_then_the_list_is_empty(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(chrony=ChronyState.NO_SOURCES)

    assert _chronyc(rig, host, "sources") == []


def test_local_fallback_when_asked_then_normal_with_the_local_refid(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(chrony=ChronyState.LOCAL_FALLBACK)
    tracking = _chronyc(rig, host, "tracking")[0]

    assert (tracking[0], tracking[2], tracking[13]) == ("7F7F0101", "10", "Normal")


def test_chronyd_when_down_then_506_and_when_started_again_then_selected(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(chrony=ChronyState.DOWN)
    down = _on_host(rig, host, "chronyc -c tracking")
    host.start_chronyd(ChronyState.HEALTHY)
    states = [fields[1] for fields in _chronyc(rig, host, "sources")]
    host.stop_chronyd()
    again = _on_host(rig, host, "chronyc -c tracking")

    assert (down.returncode, down.stdout) == (1, "506 Cannot talk to daemon\n")
    assert "*" in states
    assert (again.returncode, again.stdout) == (1, "506 Cannot talk to daemon\n")


def test_chronyd_when_frozen_then_timeout_and_when_thawed_then_answers(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.freeze_chronyd()
    frozen = _on_host(rig, host, "timeout 1 chronyc -c tracking")
    host.thaw_chronyd()

    # chronyc says 506 as well when `timeout` ends it: only the exit status tells frozen from down.
    assert frozen.returncode == 124
    assert _chronyc(rig, host, "tracking")[0][13] == "Normal"


def test_sources_when_their_servers_stop_then_reach_falls_and_leap_stays_normal(
    rig: Rig, rig_host: StartHost
) -> None:
    references = rig.new_references()
    host = rig_host(references=references)
    references.stop()
    wait_until(
        lambda: all(fields[5] == "0" for fields in _chronyc(rig, host, "sources")),
        "reach 0 of all sources",
        timeout_s=20,
    )

    assert _chronyc(rig, host, "tracking")[0][13] == "Normal"


def test_references_when_of_another_stratum_then_the_host_is_one_below(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(references=rig.new_references(stratum=13))

    assert _chronyc(rig, host, "tracking")[0][2] == "14"


def test_account_when_ordinary_then_selectdata_is_refused(rig: Rig, rig_host: StartHost) -> None:
    plain = rig_host()
    by_socket = rig_host(chrony_access=ChronyAccess.SOCKET)

    assert _on_host(rig, plain, "chronyc -c selectdata").stdout == "501 Not authorised\n"
    assert len(_chronyc(rig, by_socket, "selectdata")) == 3


def test_login_when_the_host_key_changed_then_openssh_refuses(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    before = _on_host(rig, host, "echo in")
    host.change_host_key()
    after = _on_host(rig, host, "echo in")

    assert before.stdout == "in\n"
    assert (after.returncode, after.stdout) == (_SSH_FAILED, "")
    assert "Host key verification failed" in after.stderr


def test_login_when_it_is_another_hosts_port_then_its_key_is_not_accepted(
    rig: Rig, rig_host: StartHost
) -> None:
    first, second = rig_host(), rig_host()

    assert first.known_hosts_line.split()[2] != second.known_hosts_line.split()[2]
    assert _on_host(rig, first, "printenv NTP_CHECKER_RIG").stdout == f"{first.folder}\n"
    assert _on_host(rig, second, "printenv NTP_CHECKER_RIG").stdout == f"{second.folder}\n"


def test_login_when_the_key_is_revoked_then_denied_until_authorised_again(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.revoke_key()
    revoked = _on_host(rig, host, "echo in")
    host.authorise_key('restrict,command="echo forced"')
    restricted = _on_host(rig, host, "echo in")

    assert revoked.returncode == _SSH_FAILED
    assert "Permission denied" in revoked.stderr
    assert restricted.stdout == "forced\n"


def test_login_when_sshd_is_stopped_then_refused_until_it_is_started(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.stop_sshd()
    stopped = _on_host(rig, host, "echo in")
    host.start_sshd()

    assert stopped.returncode == _SSH_FAILED
    assert "Connection refused" in stopped.stderr
    assert _on_host(rig, host, "echo in").stdout == "in\n"


@pytest.mark.parametrize(
    ("feed", "mode", "used"),
    [(GpsFeed.FIX_3D, 3, 8), (GpsFeed.FIX_2D, 2, 3), (GpsFeed.NO_FIX, 1, 0)],
)
def test_receiver_when_it_sees_satellites_then_gpsd_reports_mode_and_used(
    rig: Rig, rig_host: StartHost, feed: GpsFeed, mode: int, used: int
) -> None:
    reports = _gpspipe(rig, rig_host(gps=feed))
    modes = {report["mode"] for report in reports if report["class"] == "TPV"}
    counts = {(r["uSat"], r["nSat"]) for r in reports if r["class"] == "SKY"}

    assert modes == {mode}
    assert counts == {(used, 11)}


def test_receiver_when_the_sky_is_empty_then_there_is_no_sky_report(
    rig: Rig, rig_host: StartHost
) -> None:
    reports = _gpspipe(rig, rig_host(gps=GpsFeed.EMPTY_SKY))

    assert {report["mode"] for report in reports if report["class"] == "TPV"} == {1}
    assert not [report for report in reports if report["class"] == "SKY"]


@pytest.mark.parametrize("feed", [GpsFeed.SILENT, GpsFeed.GARBAGE])
def test_receiver_when_silent_or_garbled_then_the_three_header_reports_only(
    rig: Rig, rig_host: StartHost, feed: GpsFeed
) -> None:
    reports = _gpspipe(rig, rig_host(gps=feed))

    assert [report["class"] for report in reports] == ["VERSION", "DEVICES", "WATCH"]


def test_receiver_when_its_feed_changes_then_gpsd_loses_the_fix(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    host.gpsd.change_feed(GpsFeed.NO_FIX)
    wait_until(
        lambda: {r.get("mode") for r in _gpspipe(rig, host) if r["class"] == "TPV"} == {1},
        "TPV mode 1",
        timeout_s=20,
    )


def test_receiver_when_it_has_a_fix_then_gpsd_tells_the_known_position(
    rig: Rig, rig_host: StartHost
) -> None:
    run = _on_host(rig, rig_host(gps=GpsFeed.FIX_3D), "timeout 10 gpspipe -w -x 2")

    assert all(text in run.stdout for text in POSITION_TEXTS if "." in text[:3])


def test_gpspipe_when_gpsd_is_down_then_it_could_not_connect(rig: Rig, rig_host: StartHost) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    host.stop_gpsd()
    run = _on_host(rig, host, "gpspipe -w -x 3")

    assert run.returncode == 1
    assert "could not connect to gpsd" in run.stderr


def test_gpspipe_when_not_installed_then_not_found(rig: Rig, rig_host: StartHost) -> None:
    run = _on_host(rig, rig_host(gps=GpsFeed.NO_GPSPIPE), "gpspipe -w -x 3")

    assert run.returncode == 127


def test_chronyc_when_replaced_then_the_session_runs_the_other_program(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.replace_program("chronyc", "#!/bin/sh\necho garbage; kill -SEGV $$\n")
    crashed = _on_host(rig, host, "chronyc -c tracking")
    host.make_not_executable("chronyc")
    not_executable = _on_host(rig, host, "chronyc -c tracking")
    host.remove_program("chronyc")
    removed = _on_host(rig, host, "chronyc -c tracking")
    host.restore_program("chronyc")

    assert crashed.stdout == "garbage\n"
    assert not_executable.returncode == 126
    assert removed.returncode == 127
    assert _chronyc(rig, host, "tracking")[0][13] == "Normal"


def test_host_when_stopped_then_no_process_and_no_session_is_left(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    _on_host(rig, host, "sleep 300 >/dev/null 2>&1 &")
    orphans = host.session_pids()
    began = time.monotonic()
    host.stop()
    took_s = time.monotonic() - began

    assert len(orphans) == 1
    host.wait_no_sessions(timeout_s=1)
    assert not _processes_naming(host.folder)
    assert took_s < 5, f"{took_s:.1f} s; about 0.1 s on an idle machine"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_command_when_it_ends_then_processes_and_folder_are_gone(ending: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.rig", "--hosts", "2", "--print-env"],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        exports = [command.stdout.readline().strip() for _ in range(3)]
        folder = Path(exports[1].partition("=")[2]).parent
        pids = _processes_naming(folder)
        os.kill(command.pid, ending)

    assert exports[0].startswith("export NTP_CHECKER_HOSTS=")
    assert exports[0].count("@127.0.2.") == 2
    assert len(pids) >= 7  # three references, two chronyd, two sshd
    assert command.returncode == (0 if ending is signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not folder.exists(), f"{folder} is gone")
    assert not [pid for pid in pids if started_ticks(pid) is not None]


def _processes_naming(folder: Path) -> list[int]:
    """Processes with this folder in their command line."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                command = (path / "cmdline").read_bytes()
            except OSError:  # gone meanwhile
                continue
            if str(folder).encode() in command:
                found.append(int(path.name))
    return found
