from pathlib import Path

import pytest

from ntp_checker.demo.folder import fresh_folder
from ntp_checker.errors import ConfigError
from ntp_checker.simulated import is_simulated


def test_fresh_folder_when_made_is_empty_and_marked(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "state") as folder:
        assert folder == (tmp_path / "state" / "demo").resolve()
        assert is_simulated(folder)
        assert len(list(folder.iterdir())) == 1


def test_fresh_folder_of_an_earlier_demo_is_made_anew(tmp_path: Path) -> None:
    with fresh_folder(tmp_path) as folder:
        (folder / "spool.sqlite").touch()

    with fresh_folder(tmp_path) as folder:
        assert not (folder / "spool.sqlite").exists()


def test_fresh_folder_when_another_demo_has_it_is_refused(tmp_path: Path) -> None:
    with (
        fresh_folder(tmp_path),
        pytest.raises(ConfigError, match="another demo runs"),
        fresh_folder(tmp_path),
    ):
        pass


def test_folder_without_the_mark_is_never_deleted(tmp_path: Path) -> None:
    kept = tmp_path / "demo" / "precious"
    kept.parent.mkdir()
    kept.touch()

    with pytest.raises(ConfigError, match="was not made by"), fresh_folder(tmp_path):
        pass
    assert kept.exists()


def test_data_dir_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ConfigError, match=r"NTP_CHECKER_DATA_DIR: .*: give another place"),
        fresh_folder(tmp_path / "file"),
    ):
        pass
