"""The product's processes over a real database; the database's fixtures are the store tests'."""

from collections.abc import Iterator

import pytest

from tests.acceptance.mail import SENDER
from tests.integration.conftest import database, make_database, own_postgres, postgres
from tests.moto_server import MotoServer

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
