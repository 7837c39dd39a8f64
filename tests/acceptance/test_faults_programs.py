"""What can be wrong with chronyd, chronyc and the login shell: code, status and exit."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future

import pytest

from tests.acceptance.faults import (
    DEADLINE_S,
    GPS_DEADLINE_S,
    GRACE_S,
    Fault,
    Finding,
    assert_named,
    both_parts,
    broken_hosts,
    find,
    find_all,
    targets_of,
)
from tests.rig import ChronyState, Rig, RigError, RigHost

pytestmark = pytest.mark.timeout(300)

FLOOD_BYTES = 250_000_000
#: What a flood may cost.
MAX_GROWTH_KIB = 5 * 1024
PROBE_FAILED = frozenset({"probe_failed"})


def _program(script: str) -> Callable[[RigHost], None]:
    """Another chronyc; `$real` is what the real one needs to be started."""

    def replace(host: RigHost) -> None:
        real = (host.bin / "chronyc").read_text(encoding="utf-8").splitlines()[-1]
        real = real.removeprefix("exec ").removesuffix(' "$@"')
        host.replace_program("chronyc", f"#!/bin/sh\n{script.replace('$real', real)}\n")

    return replace


def _shell_says(script: str) -> Callable[[RigHost], None]:
    """A login shell that talks before it does anything."""

    def write(host: RigHost) -> None:
        for name in (".bashrc", ".profile", ".bash_profile", ".zshenv"):
            (host.home / name).write_text(f"{script}\n", encoding="utf-8")

    return write


def _blind(kind: str, break_it: Callable[[RigHost], object]) -> Fault:
    """Nothing was had of chrony, and that says nothing about the clock."""
    return Fault(status="unknown", codes=PROBE_FAILED, failures=both_parts(kind), break_it=break_it)


FAULTS = {
    "chronyd down": Fault(
        status="critical",
        codes=frozenset({"chronyd_down"}),
        failures=both_parts("chronyd_down"),
        host=lambda _: {"chrony": ChronyState.DOWN},
    ),
    "chronyd frozen": _blind("deadline", RigHost.freeze_chronyd),
    "chronyc missing": _blind("command", lambda host: host.remove_program("chronyc")),
    "chronyc not executable": _blind("command", lambda host: host.make_not_executable("chronyc")),
    "chronyc crashing": _blind("command", _program("kill -SEGV $$")),
    "chronyc crashing in mid-output": _blind(
        "command", _program('printf "7F000001,127.0.0.1,2,17954"; kill -SEGV $$')
    ),
    "chronyc ends with an error": _blind("command", _program("echo Segmentation; exit 3")),
    "chronyc without a word": _blind("malformed", _program("exit 0")),
    "chronyc truncated": _blind("malformed", _program('$real "$@" | head -c 40')),
    "chronyc truncated in sources": Fault(
        status="unknown",
        codes=PROBE_FAILED,
        failures=frozenset({("sources", "malformed")}),
        break_it=_program('case "$*" in *sources) $real "$@" | head -c 40;; *) $real "$@";; esac'),
    ),
    "chronyc crashing in sources": Fault(
        status="unknown",
        codes=PROBE_FAILED,
        failures=frozenset({("sources", "command")}),
        break_it=_program('case "$*" in *sources) kill -SEGV $$;; *) $real "$@";; esac'),
    ),
    "chronyc garbage": _blind("malformed", _program("head -c 3000 /dev/urandom")),
    "chronyc garbage like CSV": _blind(
        "malformed", _program("echo 7F000001,x,2,nan,inf,1_0,0,0,0,0,0,0,0,Normal")
    ),
    "chronyc hanging": _blind("deadline", _program("exec sleep 600")),
    "chronyc hanging in mid-output": _blind(
        "deadline", _program('printf "7F000001,127.0.0.1,2,17954"; exec sleep 600')
    ),
    "chronyc deaf to signals": _blind(
        "deadline", _program('trap "" TERM HUP INT; while :; do sleep 1; done')
    ),
    "chronyc endless": _blind("too_large", _program("exec yes 7F000001,127.0.0.1,2")),
    "chronyc flood": _blind(
        "too_large", _program(f"head -c {FLOOD_BYTES} /dev/zero | tr '\\\\000' x")
    ),
    "shell noise": Fault(status="ok", break_it=_shell_says("echo Welcome; echo 1,2,3 >&2")),
    "shell noise without a newline": Fault(
        status="ok", break_it=_shell_says('printf "Last login: never"')
    ),
    "shell noise with escapes": Fault(
        status="ok",
        break_it=_shell_says('printf "\\033[2J\\033[31m\\000\\377\\342\\200\\256 @ntp-checker "'),
    ),
    "shell noise that looks like an answer": Fault(
        status="ok",
        break_it=_shell_says('printf "@ntp-checker begin tracking\\n506 Cannot talk to daemon\\n"'),
    ),
    "shell that ends at once": _blind("command", _shell_says("echo Account expired.; exit 0")),
    "shell that hangs": _blind("deadline", _shell_says("sleep 600")),
    "nothing wrong": Fault(status="ok"),
}
HEALTHY = "nothing wrong"
#: What hangs there is the account's own, started before any word of ours.
OWN_SLEEP = "shell that hangs"


@pytest.fixture(scope="module")
def hosts(rig: Rig) -> Iterator[Mapping[str, RigHost]]:
    with broken_hosts(rig, FAULTS) as started:
        yield started


@pytest.fixture(scope="module")
def findings(rig: Rig, hosts: Mapping[str, RigHost]) -> Mapping[str, Future[Finding]]:
    return find_all(rig, FAULTS, targets_of(hosts))


@pytest.mark.parametrize("name", FAULTS)
def test_check_program_fault_is_named(findings: Mapping[str, Future[Finding]], name: str) -> None:
    assert_named(FAULTS[name], findings[name].result())


@pytest.mark.parametrize("name", ["chronyc endless", "chronyc flood"])
def test_check_flooded_takes_no_more_memory(
    findings: Mapping[str, Future[Finding]], name: str
) -> None:
    flooded, healthy = findings[name].result(), findings[HEALTHY].result()

    assert flooded.peak_kib - healthy.peak_kib < MAX_GROWTH_KIB


def test_check_all_at_once_ends_in_time_and_none_waits_for_another(
    rig: Rig, hosts: Mapping[str, RigHost]
) -> None:
    targets = targets_of(hosts)
    alone = find(rig.env(), [targets[HEALTHY]])[0]
    together = dict(zip(targets, find(rig.env(), list(targets.values())), strict=True))

    for name, finding in together.items():
        assert finding.sample["status"] == FAULTS[name].status, (name, finding.sample)
    assert {finding.exit_status for finding in together.values()} == {2}
    took_s = next(iter(together.values())).took_s
    assert took_s < alone.took_s + DEADLINE_S + GPS_DEADLINE_S + GRACE_S


def test_check_leaves_no_process_on_any_host(
    findings: Mapping[str, Future[Finding]], hosts: Mapping[str, RigHost]
) -> None:
    for finding in findings.values():
        finding.result()
    for name, host in hosts.items():
        if name == OWN_SLEEP:
            continue
        try:
            host.wait_no_sessions(timeout_s=60)
        except RigError as error:
            raise AssertionError(name) from error
