import pytest

from ntp_checker.errors import ConfigError
from ntp_checker.resources import runbook_path, sql_path


@pytest.mark.parametrize("name", ["schema.sql", "migrations"])
def test_sql_path_when_asked_then_exists(name: str) -> None:
    assert sql_path(name).exists()


def test_sql_path_when_missing_then_error_names_it() -> None:
    with pytest.raises(ConfigError, match=r"nothing\.sql is missing"):
        sql_path("nothing.sql")


def test_runbook_path_when_asked_then_exists() -> None:
    assert runbook_path().exists()
