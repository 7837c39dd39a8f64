"""The rig's parts are found, and nothing of it outlives its use."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig import GpsFeed, Rig, RigError, RigHost, parts, wait_until
from tests.rig import host as host_module
from tests.rig.packages import Bundle, PartMissingError, bundle_tree
from tests.rig.reaper import started_ticks
from tests.rig.session import run_on

StartHost = Callable[..., RigHost]


def test_host_when_stopped_then_no_process_and_no_session_is_left(
    rig: Rig, rig_host: StartHost
) -> None:
    host = rig_host(gps=GpsFeed.FIX_3D)
    run_on(rig, host, "sleep 300 >/dev/null 2>&1 &")
    orphans = wait_until(host.session_pids, "the orphan shows its environment")
    began = time.monotonic()
    host.stop()
    took_s = time.monotonic() - began

    assert len(orphans) == 1
    host.wait_no_sessions(timeout_s=1)
    assert not _processes_naming(host.folder)
    assert took_s < 5, f"{took_s:.1f} s; about 0.1 s on an idle machine"


def test_program_when_installed_on_this_machine_then_the_host_has_only_its_own(
    rig: Rig, rig_host: StartHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("chronyc", "gpspipe", "sh", "cat"):
        (tmp_path / program).write_bytes(Path("/bin/sh").read_bytes())
        (tmp_path / program).chmod(0o755)
    monkeypatch.setattr(host_module, "_SYSTEM_PATH", (str(tmp_path),))
    host = rig_host(gps=GpsFeed.NO_GPSPIPE)
    shutil.rmtree(rig.folder / "system-bin")

    assert run_on(rig, host, "gpspipe -w -x 3").returncode == 127
    assert "Normal" in run_on(rig, host, "chronyc -c tracking").stdout


def test_daemon_when_apparmor_confines_it_then_a_copy_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "chronyd"
    program.write_text("#!/bin/sh\necho copied\n")
    program.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(parts, "_APPARMOR", tmp_path / "apparmor.d")
    free = parts._unconfined(program)
    (tmp_path / "apparmor.d").mkdir()
    (tmp_path / "apparmor.d" / str(program).strip("/").replace("/", ".")).touch()
    copy = parts._unconfined(program)

    assert free == program
    assert copy.is_relative_to(tmp_path / "cache")
    assert subprocess.run([copy], capture_output=True, text=True).stdout == "copied\n"


def test_part_when_it_can_not_be_had_then_the_error_names_it_and_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PartMissingError, match="gpsd: not installed, and there is no apt-get"):
        bundle_tree(Bundle(name="gpsd", packages=("gpsd",)))


def test_start_when_a_daemon_ends_at_once_then_the_error_has_its_log(
    rig_host: StartHost,
) -> None:
    with pytest.raises(RigError, match=r"(?s)chronyd ended with 1.*Invalid directive"):
        rig_host(chrony_lines=["no such directive"])


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
    # Killed, and then reaped by whoever inherited them, which is up to the system.
    wait_until(
        lambda: not [pid for pid in pids if started_ticks(pid) is not None],
        "its processes are gone",
    )


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
