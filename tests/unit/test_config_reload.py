"""The settings file while the checker runs: only what is whole and good is taken."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ntp_checker.config import Settings, SettingsFile

pytestmark = pytest.mark.asyncio

POLL_S = 0.01
SETTLE_S = 0.05
#: Long enough for several looks at the file.
QUIET_S = 0.4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "hosts.yaml"
    file.write_text("hosts: [a]\n")
    return file


def write(path: Path, text: str) -> None:
    path.write_text(text)


def names(settings: Settings) -> list[str]:
    return [host.name for host in settings.hosts]


def follow(path: Path) -> SettingsFile:
    return SettingsFile({"NTP_CHECKER_CONFIG": str(path)}, poll_s=POLL_S, settle_s=SETTLE_S)


async def changed(file: SettingsFile) -> Settings:
    async with asyncio.timeout(10):
        return await file.changed()


async def test_file_when_replaced_then_its_settings(path: Path) -> None:
    file = follow(path)
    new = path.with_suffix(".new")
    new.write_text("hosts: [a, b]\n")
    new.replace(path)

    assert names(await changed(file)) == ["a", "b"]


async def test_file_when_written_in_place_then_its_settings(path: Path) -> None:
    file = follow(path)
    write(path, "hosts: [c]\n")

    assert names(await changed(file)) == ["c"]


async def test_file_when_a_mounted_folders_link_is_swapped_then_its_settings(
    tmp_path: Path,
) -> None:
    for number, host in ((1, "a"), (2, "b")):
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "hosts.yaml").write_text(f"hosts: [{host}]\n")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "hosts.yaml").symlink_to("..data/hosts.yaml")
    file = follow(tmp_path / "hosts.yaml")
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").replace(tmp_path / "..data")

    assert names(await changed(file)) == ["b"]


async def test_file_when_it_stays_as_it_is_then_nothing(path: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET_S):
            await follow(path).changed()


async def test_file_when_asked_for_then_its_settings_though_nothing_changed(path: Path) -> None:
    file = follow(path)
    file.ask()

    assert names(await changed(file)) == ["a"]


async def test_file_when_still_being_written_then_waited_for(path: Path) -> None:
    file = follow(path)
    waiting = asyncio.create_task(changed(file))
    with path.open("w") as writing:
        writing.write("hosts:\n")
        for number in range(20):
            writing.write(f"  - h{number}\n")
            writing.flush()
            await asyncio.sleep(SETTLE_S / 2)
            assert not waiting.done()

    assert len(names(await waiting)) == 20


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_text("hosts: [a b]\nx: 1\n"), "hosts[0]: 'a b' is not a host"),
        (lambda path: path.write_text("hosts: [\n"), "not valid YAML"),
        (lambda path: path.write_text(""), "it is empty"),
        (lambda path: path.write_bytes(b"\xff"), "not UTF-8"),
        (lambda path: path.unlink(), "No such file or directory"),
    ],
)
async def test_file_when_broken_then_told_once_and_the_next_good_one_is_taken(
    path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    file = follow(path)
    spoil(path)
    with capture_logs() as logs, pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET_S):
            await file.changed()
    write(path, "hosts: [good]\n")

    assert names(await changed(file)) == ["good"]
    assert len(logs) == 1
    assert told in str(logs[0])
    assert logs[0]["log_level"] == "error"
