"""The spool's file: ours alone, and never thrown away."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from ntp_checker.errors import ConfigError
from ntp_checker.store.spool import Spool
from tests.sample_factory import SLOT_AT, judged_sample

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool.sqlite3"


async def test_spool_when_another_checker_has_it_refuses_and_names_the_folder(path: Path) -> None:
    spool = Spool(path)
    with pytest.raises(ConfigError, match=f"another checker.*{path.parent}"):
        Spool(path)
    await spool.close()


async def test_spool_after_close_can_be_opened_again(path: Path) -> None:
    for _ in range(2):
        await Spool(path).close()


async def test_spool_below_a_file_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="NTP_CHECKER_DATA_DIR"):
        Spool(tmp_path / "file" / "spool.sqlite3")


def damage_file(path: Path, how: str) -> int:
    """Its length after that."""
    content = path.read_bytes()
    if how == "garbage":
        path.write_bytes(b"this is no database, and never was" * 1000)
    elif how == "foreign":
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE theirs (x)")
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:8192] + bytes(len(content) - 8192))
    return path.stat().st_size


@pytest.mark.parametrize("how", ["garbage", "foreign", "cut", "zeros"])
async def test_damaged_file_is_set_aside_whole_and_a_new_one_begun(path: Path, how: str) -> None:
    spool = Spool(path)
    slots = [SLOT_AT + timedelta(seconds=n) for n in range(200)]
    await asyncio.gather(*(spool.append(judged_sample("h", at), 1) for at in slots))
    await spool.close()
    length = damage_file(path, how)

    with structlog.testing.capture_logs() as logs:
        spool = Spool(path)
    await spool.append(judged_sample(), 1)
    await spool.close()

    (aside,) = path.parent.glob("spool.sqlite3.damaged-*[0-9]Z")
    assert aside.stat().st_size == length
    assert [(entry["log_level"], entry["set_aside"]) for entry in logs] == [("error", str(aside))]


async def test_file_of_a_newer_release_is_refused_and_left_alone(path: Path) -> None:
    await Spool(path).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")

    with pytest.raises(ConfigError, match="newer release"):
        Spool(path)

    assert [p.name for p in path.parent.glob("*damaged*")] == []


async def test_file_is_readable_for_its_owner_only(path: Path) -> None:
    await Spool(path).close()

    modes = [one.stat().st_mode & 0o777 for one in (path.parent, *path.parent.glob("*"))]
    assert modes == [0o700, 0o600, 0o600]
