"""The restricted key of `authorize` behind a real sshd: it reads reports, and nothing else."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest

from ntp_checker.collect.probe import Probe
from ntp_checker.collect.restricted import authorized_keys_line, forced_command_script
from ntp_checker.collect.ssh import SshShell
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.model import FailureKind, GpsMode, Part, Sample
from ntp_checker.targets import parse_target
from tests.rig import Cut, GpsFeed, Rig, RigHost
from tests.rig.processes import wait_until

StartHost = Callable[..., RigHost]


@pytest.fixture
def restricted(rig: Rig, rig_host: StartHost) -> RigHost:
    """A host with GPS whose only key is bound to the script."""
    host = rig_host(gps=GpsFeed.FIX_3D)
    script = host.folder / "look"
    script.write_text(forced_command_script(), encoding="ascii")
    script.chmod(0o755)
    public_key = rig.ssh_key_path.with_suffix(".pub").read_text(encoding="ascii")
    line = authorized_keys_line(" ".join(public_key.split()[:2]), str(script))
    host.sshd.authorized_keys_path.write_text(line + "\n", encoding="ascii")
    return host


def _now() -> datetime:
    return datetime.now(UTC)


def _probe(rig: Rig, host: RigHost, port: int | None) -> Probe:
    target = replace(parse_target(host.target), port=port or host.port)
    credentials = SshCredentials(rig.ssh_key_path, rig.known_hosts_path)
    shell = SshShell(target, credentials)
    return Probe(target, shell, interval_s=10.0, deadline_s=8.0, now=_now)


def _look(
    rig: Rig, host: RigHost, *between: Callable[[], object], port: int | None = None
) -> list[Sample]:
    """Four looks (so that the channel is in use), then one after each of `between`."""

    async def look() -> list[Sample]:
        probe = _probe(rig, host, port)
        try:
            samples = [await probe.look_once(_now())]
            samples += [await probe.look(_now()) for _ in range(3)]
            for change in between:
                await asyncio.to_thread(change)
                samples.append(await probe.look(_now()))
            return samples
        finally:
            await probe.close()

    return asyncio.run(look())


def test_restricted_key_when_looking_then_gives_all_reports(rig: Rig, restricted: RigHost) -> None:
    samples = _look(rig, restricted)

    for sample in samples:
        assert sample.failures == ()
        assert sample.tracking is not None
        assert len(sample.sources or ()) == 3
        assert all(source.samples is not None for source in sample.sources or ())
        assert sample.gps is not None
        assert sample.gps.mode is GpsMode.FIX_3D
        assert sample.host_time_at is not None


def test_restricted_key_when_chronyd_restarts_then_its_channel_goes_on(
    rig: Rig, restricted: RigHost
) -> None:
    def restart() -> None:
        restricted.start_chronyd()

    samples = _look(rig, restricted, restricted.stop_chronyd, restart)

    down, back = samples[-2:]
    assert {failure.kind for failure in down.failures} == {FailureKind.CHRONYD_DOWN}
    assert back.failures == ()


def test_restricted_key_when_chronyd_is_frozen_then_the_deadline_is_named(
    rig: Rig, restricted: RigHost
) -> None:
    try:
        frozen = _look(rig, restricted, restricted.freeze_chronyd)[-1]
    finally:
        restricted.thaw_chronyd()

    tracking = frozen.failure_of(Part.TRACKING)
    assert tracking is not None
    assert tracking.kind is FailureKind.DEADLINE


@pytest.mark.timeout(240)
def test_restricted_key_when_the_line_is_cut_then_its_loop_ends_within_90_s(
    rig: Rig, restricted: RigHost
) -> None:
    link = rig.new_faulty_link(restricted, Cut.SILENCE, after_bytes=sys.maxsize)
    running: list[int] = []

    def pull() -> None:
        running.extend(restricted.session_pids())
        link.pull()

    silent = _look(rig, restricted, pull, port=link.port)[-1]
    began_s = time.monotonic()
    restricted.wait_no_sessions(timeout_s=90)
    took_s = time.monotonic() - began_s

    assert running
    assert silent.failures != ()
    assert took_s > 30, "its processes were told of the cut"


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "; id",
        "\nid",
        "$(id)",
        ": ntp-checker look",
        ": ntp-checker other; id",
        "x : ntp-checker look; id",
        "scp -f /etc/passwd",
        "",
    ],
)
def test_restricted_key_when_asked_for_anything_else_then_refuses(
    rig: Rig, restricted: RigHost, command: str
) -> None:
    done = _ssh(rig, restricted, command)

    assert done.returncode == 1
    assert done.stdout == ""
    assert "does nothing else" in done.stderr


def test_restricted_key_when_its_command_goes_on_then_the_rest_is_not_run(
    rig: Rig, restricted: RigHost
) -> None:
    done = _ssh(rig, restricted, ": ntp-checker look; id; $(id)")

    assert "@ntp-checker end sourcestats 0" in done.stdout
    assert "uid=" not in done.stdout + done.stderr


@pytest.mark.parametrize("word", ["online", "$(id)", "tracking; id", "-h 192.0.2.1"])
def test_restricted_loop_when_given_another_word_then_ends(
    rig: Rig, restricted: RigHost, word: str
) -> None:
    done = _ssh(rig, restricted, ": ntp-checker loop;", words=f"{word}\nactivity\n")

    assert done.stdout.strip() == "@ntp-checker ready"


def test_restricted_loop_when_its_input_ends_then_nothing_is_left(
    rig: Rig, restricted: RigHost
) -> None:
    done = _ssh(rig, restricted, ": ntp-checker loop;", words="activity\n")

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 7
    restricted.wait_no_sessions(timeout_s=5)


def test_restricted_key_when_asked_for_pty_forwarding_or_sftp_then_refuses(
    rig: Rig, restricted: RigHost
) -> None:
    async def ask() -> list[str]:
        target = parse_target(restricted.target)
        async with asyncssh.connect(
            target.address,
            target.port,
            config=None,
            username=target.user or (),
            client_keys=[str(rig.ssh_key_path)],
            known_hosts=str(rig.known_hosts_path),
            agent_path=None,
        ) as connection:
            refused = []
            for name, attempt in {
                "pty": connection.create_process(": ntp-checker look;", term_type="vt100"),
                "forwarding": connection.open_connection("127.0.0.1", target.port),
                "sftp": connection.start_sftp_client(),
            }.items():
                try:
                    async with asyncio.timeout(10):
                        await attempt
                except (asyncssh.Error, OSError):
                    refused.append(name)
            return refused

    assert asyncio.run(ask()) == ["pty", "forwarding", "sftp"]


def test_restricted_script_when_checked_by_shellcheck_then_clean(tmp_path: Path) -> None:
    script = tmp_path / "look"
    script.write_text(forced_command_script(), encoding="ascii")
    shellcheck = Path(sys.executable).with_name("shellcheck")

    done = subprocess.run(
        [shellcheck, "--shell=sh", script], capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stdout


def test_killed_checker_when_gone_then_nothing_of_it_is_left_on_the_host(
    rig: Rig, restricted: RigHost
) -> None:
    async def look_and_vanish() -> None:
        probe = _probe(rig, restricted, None)
        for _ in range(3):
            await probe.look(_now())
        wait_until(restricted.session_pids, "a channel is open")
        # As kill -9 does: the connection ends without a word of ours.
        await probe.close()

    asyncio.run(look_and_vanish())

    restricted.wait_no_sessions(timeout_s=10)


def _ssh(
    rig: Rig, host: RigHost, command: str, words: str = ""
) -> "subprocess.CompletedProcess[str]":
    """The OpenSSH client with the restricted key; `words` go to standard input."""
    user, _, place = host.target.partition("@")
    address, _, port = place.rpartition(":")
    return subprocess.run(
        [
            "ssh", "-F", "none", "-T", "-i", rig.ssh_key_path, "-p", port, "-l", user,
            "-o", f"UserKnownHostsFile={rig.known_hosts_path}", "-o", "IdentityAgent=none",
            "-o", "BatchMode=yes", address, *([command] if command else []),
        ],
        input=words,
        capture_output=True,
        text=True,
        timeout=30,
    )  # fmt: skip
