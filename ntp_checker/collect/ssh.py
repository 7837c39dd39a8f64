"""A kept SSH connection to one host. Beside ssh_keys the only module that imports asyncssh.

Nothing of the account we run as leaks in: no ~/.ssh/config (its ProxyCommand would be run), no
agent, no password, no other keys than the one configured; a host key is never accepted unseen.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

import asyncssh

from ntp_checker.collect.coalesce import CoalescingConnector
from ntp_checker.collect.shell import READ_CHUNK_BYTES, Pipe, read_bounded
from ntp_checker.collect.ssh_keys import (
    LOGIN_TIMEOUT_S,
    SshCredentials,
    known_keys,
    read_known_hosts,
    say_error,
)
from ntp_checker.errors import (
    AuthRejected,
    CommandFailed,
    HostKeyRejected,
    Unreachable,
)
from ntp_checker.model import Capture, Host
from ntp_checker.resources import command_name
from ntp_checker.rules.look import HOST_KEY_CHANGED_STAGE

#: A kept connection never notices a revoked key or a changed host key: log in afresh.
RENEW_AFTER_S = 3600.0
RENEW_JITTER_RATIO = 0.1
#: sshd penalises an address that keeps failing to log in. Source: sshd_config(5),
#: PerSourcePenalties.
REFUSED_BACK_OFF_S = 60.0
#: All that asyncssh offers by itself, the one first that costs one call a packet instead of five.
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
_CONNECTOR = CoalescingConnector()

UNKNOWN_HOST_KEY_STAGE = "host key unknown"


class SshShell:
    """One host over one kept connection; logs in when first needed and again when it is lost."""

    def __init__(self, host: Host, credentials: SshCredentials) -> None:
        self._host = host
        self._credentials = credentials
        self._connection: asyncssh.SSHClientConnection | None = None
        self._renew_at = 0.0  #: monotonic
        self._login: asyncio.Task[None] | None = None
        self._refused: AuthRejected | None = None
        self._refused_keys: Sequence[asyncssh.SSHKey] = ()
        self._refused_until = 0.0  #: monotonic

    async def login(self) -> None:
        """See Shell.login. A kept connection is used for an hour.

        One login at a time, and it goes on when who asked for it runs out of time: the next look
        at a slow host finds it done. A failure that nobody heard is told to whoever asks next.
        """
        if self._login is None:
            if self._is_open():
                return
            if self._refused is not None and self._backs_off():
                raise self._refused
            self._login = asyncio.create_task(self._log_in())
        login = self._login
        try:
            await asyncio.shield(login)
        finally:
            if login.done() and self._login is login:
                self._login = None

    def _is_open(self) -> bool:
        connection = self._connection
        return (
            connection is not None
            and not connection.is_closed()
            and time.monotonic() < self._renew_at
        )

    def _backs_off(self) -> bool:
        """True while the host, which refused the very key that we have, is left alone."""
        is_early = time.monotonic() < self._refused_until
        return is_early and self._credentials.keys() is self._refused_keys

    async def _log_in(self) -> None:
        self._drop()
        self._refused = None
        keys = self._credentials.keys()
        try:
            self._connection = await self._connect(keys)
        except AuthRejected as error:
            self._refused, self._refused_keys = error, keys
            self._refused_until = time.monotonic() + REFUSED_BACK_OFF_S
            raise
        # S311: spreads logins over time, guards nothing.
        jitter = 1 - RENEW_JITTER_RATIO * random.random()  # noqa: S311
        self._renew_at = time.monotonic() + RENEW_AFTER_S * jitter

    async def run(self, command: str, max_bytes: int) -> Capture:
        """See Shell.run. A connection found dead at the first word is replaced once."""
        await self.login()
        try:
            return await self._run(command, max_bytes)
        except (asyncssh.Error, OSError):
            self._drop()
        await self.login()
        try:
            return await self._run(command, max_bytes)
        except (asyncssh.Error, OSError) as error:
            self._drop()
            raise CommandFailed(f"the host runs no command for us: {error}", stage="run") from error

    async def open_pipe(self, command: str) -> Pipe:
        """See Shell.open_pipe."""
        await self.login()
        try:
            process: asyncssh.SSHClientProcess[bytes] = await self._open().create_process(
                command, encoding=None, stderr=asyncssh.DEVNULL
            )
        except (asyncssh.Error, OSError) as error:
            raise CommandFailed(f"the host opens no channel: {error}", stage="run") from error
        return _SshPipe(process)

    def _open(self) -> asyncssh.SSHClientConnection:
        if self._connection is None:
            raise asyncssh.ConnectionLost("connection was closed")
        return self._connection

    async def _run(self, command: str, max_bytes: int) -> Capture:
        connection = self._open()
        process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(
            command, encoding=None, stdin=asyncssh.DEVNULL, stderr=asyncssh.DEVNULL
        )
        try:
            output = await read_bounded(process.stdout, max_bytes)
            await process.wait_closed()
        finally:
            process.close()
        if process.exit_status is None and connection.is_closed():
            # A connection that dies in mid-output ends the output like a program that ends.
            raise CommandFailed("the connection was lost while the host answered", stage="read")
        return Capture(output=output, exit_status=process.exit_status)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def close(self) -> None:
        """Ends the connection at once; the host sees it closed and ends what we ran."""
        if self._login is not None:
            self._login.cancel()
            await asyncio.wait([self._login])
            self._login = None
        self._drop()

    async def _connect(self, keys: Sequence[asyncssh.SSHKey]) -> asyncssh.SSHClientConnection:
        host = self._host
        attempt = _Attempt(self._credentials.known_hosts_path)
        try:
            return await asyncssh.connect(
                host.address,
                host.port,
                client_factory=lambda: attempt,
                tunnel=_CONNECTOR,
                config=None,  # of the options alone it would be forgotten: ~/.ssh/config comes back
                options=_options(host, keys, attempt),
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise attempt.host_key_rejected(host) from error
        except asyncssh.KeyExchangeFailed as error:
            if attempt.is_known and "host key" in str(error).lower():
                # It no longer has a key of the kind that we know it by.
                raise attempt.host_key_rejected(host) from error
            raise attempt.unreachable(error) from error
        except asyncssh.PermissionDenied as error:
            raise AuthRejected(
                f"{host.target} refuses our key: add its public half to ~/.ssh/authorized_keys "
                "of that account there",
                stage="authenticate",
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise attempt.unreachable(error) from error


class _SshPipe:
    """A program on the far end of a channel."""

    def __init__(self, process: "asyncssh.SSHClientProcess[bytes]") -> None:
        self._process = process

    async def write(self, words: bytes) -> None:
        """See Pipe.write."""
        try:
            self._process.stdin.write(words)
            await self._process.stdin.drain()
        except (asyncssh.Error, OSError) as error:
            raise CommandFailed(f"channel is gone: {error}", stage="ask") from error

    async def read(self) -> bytes:
        """See Pipe.read."""
        try:
            chunk = await self._process.stdout.read(READ_CHUNK_BYTES)
        except (asyncssh.Error, OSError) as error:
            raise CommandFailed(f"channel is gone: {error}", stage="read") from error
        if not chunk:
            raise CommandFailed("the program on the channel ended", stage="read")
        return chunk

    def close(self) -> None:
        """See Pipe.close."""
        self._process.close()


class _Attempt(asyncssh.SSHClient):
    """One login: how far it came, and whether the host was known before."""

    def __init__(self, known_hosts_path: Path) -> None:
        self.stage = "connect"
        self.is_known = False
        self._known_hosts_path = known_hosts_path
        self._known_hosts = read_known_hosts(known_hosts_path)

    def connection_made(self, _conn: asyncssh.SSHClientConnection) -> None:
        self.stage = "handshake"

    def match(self, host: str, _address: str, port: int | None) -> Sequence[Sequence[object]]:
        """See known_keys. A host that is there at all is known."""
        matched = known_keys(self._known_hosts, host, port)
        self.is_known = bool(matched[0] or matched[1])
        return matched

    def host_key_rejected(self, host: Host) -> HostKeyRejected:
        """The error for a host key that is not the known one, or that was never seen."""
        known_hosts = self._known_hosts_path
        if self.is_known:
            return HostKeyRejected(
                f"the host key of {host.target} is not the one in {known_hosts}: if that is "
                f"meant to be, run `{command_name()} trust {host.target}`",
                stage=HOST_KEY_CHANGED_STAGE,
            )
        return HostKeyRejected(
            f"the host key of {host.target} is not in {known_hosts}: "
            f"run `{command_name()} trust {host.target}`",
            stage=UNKNOWN_HOST_KEY_STAGE,
        )

    def unreachable(self, error: Exception) -> Unreachable:
        """The error for a host that gives no session; names the step that did not come about."""
        return Unreachable(f"no SSH login: {self.stage}: {say_error(error)}", stage=self.stage)


def _options(
    host: Host, keys: Sequence[asyncssh.SSHKey], attempt: _Attempt
) -> asyncssh.SSHClientConnectionOptions:
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        username=host.user if host.user is not None else (),
        client_keys=list(keys),
        known_hosts=attempt.match,
        x509_trusted_certs=[],
        x509_trusted_cert_paths=[],
        agent_path=None,
        preferred_auth="publickey",
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        pkcs11_provider=None,
        compression_algs=None,
        encryption_algs=_CIPHERS,
        connect_timeout=LOGIN_TIMEOUT_S,
        login_timeout=LOGIN_TIMEOUT_S,
    )
