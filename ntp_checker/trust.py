"""known_hosts: the one place where a host key becomes a trusted one, after a person said so."""

import os
import tempfile
from pathlib import Path

from ntp_checker.collect.ssh_keys import HostKey, matches_known_host
from ntp_checker.errors import ConfigError
from ntp_checker.model import Host


def write_known_host(path: Path, host: Host, key: HostKey) -> None:
    """Puts the key into known_hosts in place of any other for the host; all or nothing.

    Raises ConfigError, without a change, if an entry also speaks of other hosts, or if the file
    can't be written.
    """
    try:
        path = path.resolve()
        numbered = enumerate(_read_lines(path), 1)
        kept = [line for number, line in numbered if not _is_old(line, number, host, path)]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace_file(path, "".join(f"{line}\n" for line in [*kept, key.line]))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't write {path}: {error}") from error


def known_lines(path: Path, host: Host) -> list[str]:
    """The lines of known_hosts that speak of the host. Raises ConfigError if it can't be read."""
    try:
        lines = _read_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}") from error
    return [line for line in lines if matches_known_host(line, host)]


def _read_lines(path: Path) -> list[str]:
    # Not splitlines(): a form feed in somebody's comment does not end the line.
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.removesuffix("\n").split("\n") if text else []


def _is_old(line: str, number: int, host: Host, path: Path) -> bool:
    if not matches_known_host(line, host):
        return False
    names = line.split(maxsplit=1)[0]
    if names.startswith("@") or any(character in names for character in ",*?!"):
        raise ConfigError(
            f"{path}, line {number}, speaks of {host.target} and of other hosts: change it by hand"
        )
    return True


def _replace_file(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".known_hosts-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
