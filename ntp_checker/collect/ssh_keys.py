"""Who we are to the hosts, and which hosts we believe: our key, and known_hosts."""

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import structlog

from ntp_checker.errors import ConfigError, HostKeyRejected, Unreachable
from ntp_checker.model import Host

log = structlog.get_logger()

#: asyncssh's own limit on one login; the caller's deadline is usually shorter.
LOGIN_TIMEOUT_S = 10.0

#: known_hosts is searched by name alone. Without an address asyncssh takes the name for one, and
#: asks DNS for it.
_NO_ADDRESS = "::"


class SshCredentials:
    """Who we are to the hosts, and which hosts we believe: as both files have it at each login."""

    def __init__(self, key_path: Path, known_hosts_path: Path) -> None:
        """Reads the private key. Raises ConfigError that says what to do."""
        self.key_path = key_path
        self.known_hosts_path = known_hosts_path
        self._text = _read_text(key_path)
        self._keys = (_parse_key(key_path, self._text),)
        self._refused: str | None = None  #: why the file's key is not in force, so it is said once

    def keys(self) -> tuple[asyncssh.SSHKey, ...]:
        """For a login that begins now; the same object until the file has another good key.

        A key that can't be read leaves the last good one in force.
        """
        try:
            text = _read_text(self.key_path)
            if text != self._text:
                self._keys = (_parse_key(self.key_path, text),)
                self._text = text
                fingerprint = self._keys[0].get_fingerprint()
                log.info("SSH key is another one", file=str(self.key_path), fingerprint=fingerprint)
        except ConfigError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                log.error(  # noqa: TRY400 - the text says all
                    "SSH key refused, the last good one stays in force", reason=self._refused
                )
        else:
            self._refused = None
        return self._keys


def _read_text(key_path: Path) -> bytes:
    where = f"NTP_CHECKER_SSH_KEY_PATH: {key_path}"
    try:
        return key_path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{where} does not exist: make one with `ssh-keygen -t ed25519 -N '' -f {key_path}` "
            f"and add {key_path}.pub to authorized_keys on the hosts"
        ) from None
    except OSError as error:
        raise ConfigError(f"{where} can't be read: {error.strerror}") from error


def _parse_key(key_path: Path, text: bytes) -> asyncssh.SSHKey:
    where = f"NTP_CHECKER_SSH_KEY_PATH: {key_path}"
    try:
        return asyncssh.import_private_key(text)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as error:
        # Asked without a passphrase, asyncssh says that one is missing by KeyImportError.
        if isinstance(error, asyncssh.KeyEncryptionError) or "assphrase" in str(error):
            reason = "has a passphrase: the checker needs a key without"
            raise ConfigError(f"{where} {reason}") from error
        raise ConfigError(f"{where} is not a private key: {error}") from error


def load_public_key(key_path: Path) -> str:
    """`type base64` of the private key's public half. Raises ConfigError."""
    key = _parse_key(key_path, _read_text(key_path))
    return " ".join(key.export_public_key("openssh").decode("ascii").split()[:2])


def read_known_hosts(path: Path) -> asyncssh.SSHKnownHosts:
    """Read at each login, so that `trust` takes effect without a restart. Raises Unreachable."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise HostKeyRejected(f"can't read {path}: {error}", stage="known_hosts") from error
    try:
        return asyncssh.import_known_hosts(text)
    except ValueError as error:
        raise HostKeyRejected(f"{path}: {error}", stage="known_hosts") from error


def known_keys(
    known_hosts: asyncssh.SSHKnownHosts, host: str, port: int | None
) -> Sequence[Sequence[object]]:
    """What known_hosts has for exactly this host and port; no port means 22.

    With a port, asyncssh's own look-up falls back to port 22, which is another server.
    """
    return known_hosts.match(f"[{host}]:{port}" if port else host, _NO_ADDRESS, None)


def say_error(error: Exception) -> str:
    """Why there is no connection, in words; some of these errors have none."""
    if isinstance(error, TimeoutError):  # has no text of its own
        return "time ran out"
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """A host's key as known_hosts holds it."""

    line: str  #: `name type key`
    fingerprint: str  #: `SHA256:…`, as ssh-keygen prints it
    known: bool  #: known_hosts has this very key for the host


async def fetch_host_key(host: Host, known_hosts_path: Path) -> HostKey:
    """The key a host shows now; nothing about it is believed. Raises Unreachable."""
    try:
        async with asyncio.timeout(LOGIN_TIMEOUT_S):
            key = await asyncssh.get_server_host_key(host.address, host.port, config=None)
    except TimeoutError as error:
        raise Unreachable(f"{host.target} did not answer in time", stage="handshake") from error
    except (asyncssh.Error, OSError) as error:
        raise Unreachable(f"{host.target}: {say_error(error)}", stage="handshake") from error
    if key is None:
        raise Unreachable(f"{host.target} showed no host key", stage="handshake")
    name = host.known_hosts_name
    known = read_known_hosts(known_hosts_path).match(name, _NO_ADDRESS, None)[0]
    return HostKey(
        line=f"{name} {key.export_public_key('openssh').decode('ascii').strip()}",
        fingerprint=key.get_fingerprint(),
        known=key.public_data in [trusted.public_data for trusted in known],
    )


def matches_known_host(line: str, host: Host) -> bool:
    """True if this line of known_hosts, plain, hashed or a pattern, speaks of the host."""
    try:
        matched = asyncssh.import_known_hosts(line).match(host.known_hosts_name, _NO_ADDRESS, None)
    except ValueError:
        return False
    return any(matched[:3])
