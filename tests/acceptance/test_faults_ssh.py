"""What can be wrong on the way to a host: code, status and exit."""

import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

import pytest

from tests.acceptance.commands import check_json, run
from tests.acceptance.faults import (
    DEADLINE_S,
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
from tests.rig import Cut, Rig, RigHost, ServerFault, wait_until

pytestmark = pytest.mark.timeout(300)

UNREACHABLE = Fault(
    status="unknown",
    codes=frozenset({"host_unreachable"}),
    failures=frozenset({("login", "unreachable")}),
)
#: Bytes of the server's side of a login: within its version, its offer of algorithms, its key.
HANDSHAKE_BYTES = (0, 1, 20, 21, 100, 1000, 1300, 1600)
#: Past any login, and within what this chronyc prints.
MID_OUTPUT_BYTES = 100_000
LONG_ANSWER = "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\000' x\n"

SERVERS = {f"server: {fault.value}": UNREACHABLE for fault in ServerFault}
HOSTS = {
    "nothing wrong": Fault(status="ok"),
    "refused": Fault(
        status="unknown",
        codes=UNREACHABLE.codes,
        failures=UNREACHABLE.failures,
        break_it=RigHost.stop_sshd,
    ),
    "sshd frozen": Fault(
        status="unknown",
        codes=UNREACHABLE.codes,
        failures=UNREACHABLE.failures,
        break_it=lambda host: host.sshd.freeze(),
    ),
    "host key changed": Fault(
        status="unknown",
        codes=frozenset({"host_key_changed"}),
        failures=frozenset({("login", "host_key")}),
        break_it=RigHost.change_host_key,
    ),
    "key refused": Fault(
        status="unknown",
        codes=frozenset({"login_refused"}),
        failures=frozenset({("login", "auth")}),
        break_it=RigHost.revoke_key,
    ),
    "key for another command": Fault(
        status="unknown",
        codes=frozenset({"probe_failed"}),
        failures=both_parts("command"),
        break_it=lambda host: host.authorise_key('restrict,command="echo backups only"'),
    ),
    "no sessions": Fault(
        status="unknown",
        codes=frozenset({"probe_failed"}),
        failures=both_parts("command"),
        host=lambda _: {"sshd_lines": ["MaxSessions 0"]},
    ),
    "too many logins": Fault(
        status="unknown",
        codes=UNREACHABLE.codes,
        failures=UNREACHABLE.failures,
        host=lambda _: {"sshd_lines": ["MaxStartups 1:100:1"]},
    ),
}
RESETS = {f"reset after {count} bytes of login": UNREACHABLE for count in HANDSHAKE_BYTES}
SILENCES = {f"silent after {count} bytes of login": UNREACHABLE for count in HANDSHAKE_BYTES[1:7:2]}
MID_OUTPUT = {
    "reset in mid-output": Fault(
        status="unknown", codes=frozenset({"probe_failed"}), failures=both_parts("command")
    ),
    "silent in mid-output": Fault(
        status="unknown", codes=frozenset({"probe_failed"}), failures=both_parts("deadline")
    ),
}
NO_LOGIN = SERVERS | RESETS | SILENCES
FAULTS = HOSTS | NO_LOGIN | MID_OUTPUT


def _only_place_taken(host: RigHost) -> AbstractContextManager[socket.socket]:
    """Somebody who neither logs in nor leaves, where sshd has one place for such."""

    def take() -> socket.socket | None:
        link = socket.create_connection((host.address, host.port), 5.0)
        try:
            if link.recv(4) == b"SSH-":
                return link
        except ConnectionResetError:
            pass
        link.close()  # the last one's place is not free yet
        return None

    return closing(wait_until(take, "a place among the logins"))


@pytest.fixture(scope="module")
def targets(rig: Rig) -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        hosts = stack.enter_context(broken_hosts(rig, HOSTS))
        stack.enter_context(_only_place_taken(hosts["too many logins"]))
        good = rig.host("behind links")
        stack.callback(rig.retire, good)
        talkative = rig.host("talkative")
        stack.callback(rig.retire, talkative)
        talkative.replace_program("chronyc", LONG_ANSWER)
        found = targets_of(hosts)
        found |= {
            name: rig.new_faulty_server(fault).target
            for name, fault in zip(SERVERS, ServerFault, strict=True)
        }
        for name in RESETS | SILENCES | MID_OUTPUT:
            cut = Cut.RESET if name.startswith("reset") else Cut.SILENCE
            count = MID_OUTPUT_BYTES if name in MID_OUTPUT else int(name.split()[2])
            host = talkative if name in MID_OUTPUT else good
            link_port = rig.new_faulty_link(host, cut, after_bytes=count).port
            found[name] = f"{host.user}@{host.address}:{link_port}"
        yield found


@pytest.fixture(scope="module")
def findings(rig: Rig, targets: Mapping[str, str]) -> Mapping[str, Future[Finding]]:
    return find_all(rig, FAULTS, targets)


@pytest.mark.parametrize("name", FAULTS)
def test_check_ssh_fault_is_named(findings: Mapping[str, Future[Finding]], name: str) -> None:
    assert_named(FAULTS[name], findings[name].result())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refused", "Connection refused"),
        ("host key changed", "ntp-checker trust"),
        ("key refused", "refuses our key"),
        ("key for another command", "backups only"),
    ],
)
def test_check_says_why_in_words(
    findings: Mapping[str, Future[Finding]], name: str, words: str
) -> None:
    assert words in findings[name].result().sample["problems"][0]["text"]


def test_check_every_dead_end_at_once_ends_in_time(
    rig: Rig, targets: Mapping[str, str], findings: Mapping[str, Future[Finding]]
) -> None:
    healthy = findings["nothing wrong"].result()
    together = find(rig.env(), [targets[name] for name in NO_LOGIN])

    assert {finding.sample["status"] for finding in together} == {"unknown"}
    assert together[0].exit_status == 3
    assert together[0].took_s < healthy.took_s + DEADLINE_S + GRACE_S


def test_check_after_the_login_burst_is_over_is_ok(
    rig: Rig, rig_host: Callable[..., RigHost]
) -> None:
    host = rig_host(sshd_lines=["MaxStartups 1:100:1"])
    with _only_place_taken(host):
        crowded, _ = check_json(host.target, settings=rig.env())

    assert crowded == 3
    wait_until(lambda: check_json(host.target, settings=rig.env())[0] == 0, "let in", timeout_s=30)


def test_check_hostile_ssh_config_runs_nothing(
    rig: Rig, rig_host: Callable[..., RigHost], tmp_path: Path
) -> None:
    host, canary = rig_host(), tmp_path / "canary"
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh" / "config").write_text(
        f"Host *\n  ProxyCommand touch {canary}\n  User nobody\n  Port 1\n"
        f"  PermitLocalCommand yes\n  LocalCommand touch {canary}\n"
        f"  KnownHostsCommand /usr/bin/touch {canary}\n  IdentityAgent {tmp_path}/agent\n"
        f'Match exec "touch {canary}"\n  StrictHostKeyChecking no\n',
        encoding="utf-8",
    )
    settings = rig.env() | {"HOME": str(tmp_path)}

    status, _ = check_json(host.target, settings=settings)

    assert status == 0
    assert not canary.exists()


HOSTILE_FIELDS = (
    "-oProxyCommand=touch {canary}",
    "-oProxyCommand=touch${{IFS}}{canary}@127.0.0.1",
    "a;touch {canary}",
    "$(touch {canary})",
    "`touch {canary}`",
    "127.0.0.1\ntouch {canary}",
    "user@-l:22",
    "127.0.0.1:99999",
)


@pytest.mark.parametrize("field", HOSTILE_FIELDS)
def test_check_hostile_host_field_is_refused_and_runs_nothing(field: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    done = run("check", "--json", "--", field.format(canary=canary), settings={})

    assert done.returncode == 3
    assert done.stdout == ""
    assert "is not a host" in done.stderr
    assert "Traceback" not in done.stderr
    assert not canary.exists()


def test_monitor_hostile_host_fields_are_all_refused_at_once(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    fields = [field.format(canary=canary) for field in HOSTILE_FIELDS]

    done = run("monitor", "--once", settings={"NTP_CHECKER_HOSTS": ",".join(fields)})

    assert done.returncode == 2
    assert "NTP_CHECKER_HOSTS" in done.stderr
    assert "Traceback" not in done.stderr
    assert not canary.exists()
