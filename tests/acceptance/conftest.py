"""The product's processes over a real database; the database's fixtures are the store tests'."""

from collections.abc import Iterator

import pytest

from ntp_checker.resources import sql_path
from tests.acceptance.mail import SENDER
from tests.integration.conftest import database, make_database, own_postgres, postgres
from tests.moto_server import MotoServer
from tests.postgres import PostgresServer

__all__ = ["database", "make_database", "own_postgres", "postgres"]


@pytest.fixture
def moto() -> Iterator[MotoServer]:
    """An SES of this test's own, with the sender verified."""
    server = MotoServer()
    try:
        server.verify(SENDER)
        yield server
    finally:
        server.stop()


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
