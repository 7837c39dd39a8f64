"""A database's URL that is from a file: what the file says now, or the last good one."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ntp_checker.config import load_settings
from ntp_checker.database_urls import database_read_url, database_url
from ntp_checker.store.conninfo import AnyUrl, DatabaseUrl, conninfo_for

GOOD, OTHER = "postgresql://u:one@h/db", "postgresql://u:two@h/db"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "url"
    path.write_text(GOOD + "\r\n")
    return path


def followed(file: Path) -> DatabaseUrl:
    url = database_url(load_settings({"DATABASE_URL_FILE": str(file)}))
    assert isinstance(url, DatabaseUrl)
    return url


def password(url: AnyUrl | None) -> str:
    assert url is not None
    (found,) = [x for x in conninfo_for(url, application_name="x").split() if "password" in x]
    return found.removeprefix("password=")


def test_url_when_its_file_changes_then_the_new_one_serves(file: Path) -> None:
    url = followed(file)
    before = password(url)
    file.write_text(OTHER)

    assert (before, password(url)) == ("one", "two")


def test_url_when_the_settings_file_names_its_file_then_it_is_followed_too(
    file: Path, tmp_path: Path
) -> None:
    yaml = tmp_path / "settings.yaml"
    yaml.write_text(f"database_url_file: {file}\ndatabase_read_url_file: {file}\n")
    settings = load_settings({"NTP_CHECKER_CONFIG": str(yaml)})
    urls = database_url(settings), database_read_url(settings)
    file.write_text(OTHER)

    assert [password(url) for url in urls] == ["two", "two"]


def test_url_when_it_is_from_no_file_then_a_plain_text() -> None:
    assert database_url(load_settings({"DATABASE_URL": GOOD})) == GOOD


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (None, "No such file or directory"),
        ("mysql://u:secret@h/db", "write postgresql://"),
        ("postgresql://u:se%cret@h/db", "no connection string"),
        (b"\xff", "can't read"),
    ],
)
def test_url_when_its_file_is_no_good_then_said_once_and_the_last_good_one_serves(
    file: Path, content: str | bytes | None, told: str
) -> None:
    url = followed(file)
    file.unlink()
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with capture_logs() as logs:
        served = [password(url), password(url)]
    file.write_text(OTHER)

    assert served == ["one", "one"]
    assert password(url) == "two"
    assert [log["log_level"] for log in logs] == ["error"]
    assert told in logs[0]["reason"]
    assert "secret" not in str(logs)
    assert "se%cret" not in str(logs)


def test_url_when_it_changes_then_said_without_it(file: Path) -> None:
    url = followed(file)
    file.write_text(OTHER)
    with capture_logs() as logs:
        password(url)
        password(url)

    assert [log["event"] for log in logs] == ["database's URL is another one"]
    assert "two" not in str(logs)
