"""The dashboard's key is made once, whole, and for its owner's eyes only."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ntp_checker.errors import ConfigError
from ntp_checker.secret_key import kept_secret_key


def test_key_when_there_is_none_then_made_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    key = kept_secret_key(folder)

    assert len(key) == 64
    assert kept_secret_key(folder) == key


def test_key_when_kept_then_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    kept_secret_key(folder)

    assert (folder / "secret_key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == ["secret_key"]


def test_key_when_many_start_at_the_same_time_then_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: kept_secret_key(tmp_path), range(64)))

    assert len(keys) == 1


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 64])
def test_key_when_its_file_is_no_key_then_refused_with_its_name(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "secret_key").write_bytes(content)

    with pytest.raises(ConfigError, match=r"secret_key: it is no"):
        kept_secret_key(tmp_path)


def test_key_when_the_folder_cannot_be_made_then_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"NTP_CHECKER_DATA_DIR: .*NTP_CHECKER_SECRET_KEY"):
        kept_secret_key(tmp_path / "file" / "x")
