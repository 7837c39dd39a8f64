"""The login key's file while logins go on: what it has now, or the last good key."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ntp_checker.collect.ssh import SshShell
from ntp_checker.collect.ssh_keys import SshCredentials
from ntp_checker.errors import AuthRejected
from ntp_checker.targets import parse_target
from tests.rig import Rig, RigHost
from tests.rig.sshd import make_key

StartHost = Callable[..., RigHost]


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    make_key(path)
    return path


@pytest.fixture
def other_key_path(tmp_path: Path) -> Path:
    path = tmp_path / "other"
    make_key(path)
    return path


@pytest.mark.asyncio
async def test_login_when_refused_then_another_key_is_tried_without_a_wait(
    rig: Rig, rig_host: StartHost, key_path: Path
) -> None:
    host = rig_host()
    shell = SshShell(
        parse_target(host.target, None), SshCredentials(key_path, rig.known_hosts_path)
    )
    try:
        for _ in range(2):
            with pytest.raises(AuthRejected):
                await shell.login()
        await asyncio.to_thread(shutil.copy, rig.ssh_key_path, key_path)
        await shell.login()
    finally:
        await shell.close()


def test_keys_when_the_file_has_another_then_that_one_and_said_once(
    key_path: Path, other_key_path: Path
) -> None:
    credentials = SshCredentials(key_path, key_path)
    before = credentials.keys()
    key_path.write_bytes(other_key_path.read_bytes())
    with capture_logs() as logs:
        after = credentials.keys()
        again = credentials.keys()

    assert before != after
    assert again is after
    assert [log["event"] for log in logs] == ["SSH key is another one"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_text(""), "is not a private key"),
        (lambda path: path.write_text("secret"), "is not a private key"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "is not a private key"),
        (lambda path: path.write_bytes(b"\xff\x00"), "is not a private key"),
    ],
)
def test_keys_when_the_file_is_no_good_then_said_once_and_the_last_good_one_stays(
    key_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    credentials = SshCredentials(key_path, key_path)
    before = credentials.keys()
    spoil(key_path)
    with capture_logs() as logs:
        after = [credentials.keys(), credentials.keys()]

    assert [keys is before for keys in after] == [True, True]
    assert [log["log_level"] for log in logs] == ["error"]
    assert told in logs[0]["reason"]
    assert "secret" not in logs[0]["reason"]
