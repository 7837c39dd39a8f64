"""The rig's hosts are what they say: seen with the plain OpenSSH client and chronyc."""

import time
from collections.abc import Callable

import pytest

from tests.rig import ChronyAccess, ChronyState, Rig, RigHost, wait_until
from tests.rig.session import SSH_FAILED, run_on

StartHost = Callable[..., RigHost]


def _chronyc(rig: Rig, host: RigHost, command: str) -> list[list[str]]:
    """The fields of each line of one chronyc report, read over SSH."""
    run = run_on(rig, host, f"chronyc -c -n {command}")
    assert run.returncode == 0, run
    return [line.split(",") for line in run.stdout.splitlines()]


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
    text = run_on(rig, host, "chronyc tracking").stdout

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
    down = run_on(rig, host, "chronyc -c tracking")
    host.start_chronyd(ChronyState.HEALTHY)
    states = [fields[1] for fields in _chronyc(rig, host, "sources")]
    host.stop_chronyd()
    again = run_on(rig, host, "chronyc -c tracking")

    assert (down.returncode, down.stdout) == (1, "506 Cannot talk to daemon\n")
    assert "*" in states
    assert (again.returncode, again.stdout) == (1, "506 Cannot talk to daemon\n")


def test_chronyd_when_frozen_then_timeout_and_when_thawed_then_answers(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.freeze_chronyd()
    frozen = run_on(rig, host, "timeout 1 chronyc -c tracking")
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

    assert run_on(rig, plain, "chronyc -c selectdata").stdout == "501 Not authorised\n"
    assert len(_chronyc(rig, by_socket, "selectdata")) == 3


def test_login_when_the_host_key_changed_then_openssh_refuses(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    before = run_on(rig, host, "echo in")
    host.change_host_key()
    after = run_on(rig, host, "echo in")

    assert before.stdout == "in\n"
    assert (after.returncode, after.stdout) == (SSH_FAILED, "")
    assert "Host key verification failed" in after.stderr


def test_login_when_it_is_another_hosts_port_then_its_key_is_not_accepted(
    rig: Rig, rig_host: StartHost
) -> None:
    first, second = rig_host(), rig_host()

    assert first.known_hosts_line.split()[2] != second.known_hosts_line.split()[2]
    assert run_on(rig, first, "printenv NTP_CHECKER_RIG").stdout == f"{first.folder}\n"
    assert run_on(rig, second, "printenv NTP_CHECKER_RIG").stdout == f"{second.folder}\n"


def test_login_when_the_key_is_revoked_then_denied_until_authorised_again(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.revoke_key()
    revoked = run_on(rig, host, "echo in")
    host.authorise_key('restrict,command="echo forced"')
    restricted = run_on(rig, host, "echo in")

    assert revoked.returncode == SSH_FAILED
    assert "Permission denied" in revoked.stderr
    assert restricted.stdout == "forced\n"


def test_login_when_sshd_is_stopped_then_refused_until_it_is_started(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.stop_sshd()
    stopped = run_on(rig, host, "echo in")
    host.start_sshd()

    assert stopped.returncode == SSH_FAILED
    assert "Connection refused" in stopped.stderr
    assert run_on(rig, host, "echo in").stdout == "in\n"


def test_chronyc_when_replaced_then_the_session_runs_the_other_program(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host()
    host.replace_program("chronyc", "#!/bin/sh\necho garbage; kill -SEGV $$\n")
    crashed = run_on(rig, host, "chronyc -c tracking")
    host.make_not_executable("chronyc")
    not_executable = run_on(rig, host, "chronyc -c tracking")
    host.remove_program("chronyc")
    removed = run_on(rig, host, "chronyc -c tracking")
    host.restore_program("chronyc")

    assert crashed.stdout == "garbage\n"
    assert not_executable.returncode == 126
    assert removed.returncode == 127
    assert _chronyc(rig, host, "tracking")[0][13] == "Normal"
