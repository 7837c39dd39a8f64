"""The product's processes over a real database; the database's fixtures are the store tests'."""

from collections.abc import Iterator

import pytest

from ntp_checker.resources import sql_path
from tests.integration.conftest import database, make_database, postgres
from tests.postgres import PostgresServer

__all__ = ["database", "make_database", "postgres", "server"]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own with the schema, to be stopped, started and frozen."""
    own = PostgresServer()
    try:
        applied = own.psql("postgres", "-q", "-f", sql_path("schema.sql"))
        assert applied.returncode == 0, applied.stderr
        yield own
    finally:
        own.thaw()
        own.stop()
