"""Cleans up when the rig's own process is gone, however it went: `kill -9` too.

Runs as a process of its own and reads lines from its standard input, which the rig holds open:
`folder DIR`, `watch PID STARTED`, `forget PID STARTED`. At the end of input it kills every watched
process with its children and what ran over SSH, and removes shared memory and the folders.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

#: Environment variable of every SSH session of a rig's host; its value is the host's folder.
MARKER = "NTP_CHECKER_RIG"
#: System V keys "NTP0" to "NTP7": gpsd makes these segments for chronyd and leaves them behind.
#: Source: gpsd's ntpshm.h.
_NTP_KEYS = range(0x4E545030, 0x4E545038)
#: Keys of the segments that our gpsds keep for their clients; the port is added.
EXPORT_KEYS = range(0x4E430000, 0x4E440000)


def started_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if there is none or only a zombie.

    Together with the pid it names one process for ever: pids are used again.
    """
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def process_state(pid: int) -> str | None:
    """State letter of a process (R, S, T, Z...); None if there is none."""
    fields = _stat(pid)
    return None if fields is None else fields[0]


def process_tree(pid: int) -> list[int]:
    """This process and all its children's children, parents first."""
    children: dict[int, list[int]] = {}
    for other in _all_pids():
        fields = _stat(other)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(other)
    tree = [pid]
    for member in tree:
        tree += children.get(member, [])
    return tree


def marked_pids(folder: Path) -> list[int]:
    """Processes that were started over SSH on the host, or on any host of the rig, with this folder.

    One that is just being started may be missed: it has no environment for a moment.
    """
    marks = (f"{MARKER}={folder}".encode(), f"{MARKER}={folder}/".encode())
    return [pid for pid in _all_pids() if _is_marked(pid, *marks)]


def kill_pids(pids: list[int]) -> None:
    """Kills these processes; those that are gone already don't matter."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def remove_shared_memory(creators: set[int]) -> None:
    """Removes gpsd's segments that these processes made and nobody holds any more."""
    for line in Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]:
        key, segment, _perms, _size, creator, _last, attached = line.split()[:7]
        ours = int(creator) in creators and (int(key) in _NTP_KEYS or int(key) in EXPORT_KEYS)
        if ours and attached == "0":
            subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)


def _all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name, from the state on; None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _is_marked(pid: int, exact: bytes, prefix: bytes) -> bool:
    return any(word == exact or word.startswith(prefix) for word in _environment(pid))


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return []


def _main() -> None:
    folders: list[Path] = []
    watched: dict[int, int] = {}
    ever: set[int] = set()
    for line in sys.stdin:
        verb, *arguments = line.rstrip("\n").split(" ")
        if verb == "folder":
            folders.append(Path(arguments[0]))
        elif verb == "watch":
            watched[int(arguments[0])] = int(arguments[1])
            ever.add(int(arguments[0]))
        elif verb == "forget" and watched.get(int(arguments[0])) == int(arguments[1]):
            del watched[int(arguments[0])]
    alive = [pid for pid, started in watched.items() if started_ticks(pid) == started]
    kill_pids([member for pid in alive for member in process_tree(pid)])
    for folder in folders:
        kill_pids(marked_pids(folder))
        shutil.rmtree(folder, ignore_errors=True)
    remove_shared_memory(ever)


if __name__ == "__main__":
    # Ctrl-C in a terminal is for the rig; it ends this process by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _main()
