"""PostgreSQL for tests: one server for the run, a fresh database for each test."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from ntp_checker.resources import sql_path
from ntp_checker.store.pool import CheckerPool, open_checker_pool
from ntp_checker.store.spool import Spool
from tests.inbox import Inbox
from tests.postgres import PostgresServer
from tests.stored_samples import slot

_TEMPLATE = "with_schema"
_numbers = count(1)


@pytest.fixture(autouse=True)
def _slots_of_now() -> None:
    slot.begin()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server of our own, in Asia/Kolkata, with a template database that has the schema."""
    server = PostgresServer()
    try:
        _execute(server, f"CREATE DATABASE {_TEMPLATE}")
        applied = server.psql(_TEMPLATE, "-f", sql_path("schema.sql"))
        assert applied.returncode == 0, applied.stderr
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server for this test alone, to be killed and frozen."""
    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def make_database(postgres: PostgresServer) -> Iterator[Callable[..., str]]:
    """Makes an empty database and returns its name; dropped after the test."""
    made = []

    def make(template: str = "template0") -> str:
        name = f"test_{next(_numbers)}"
        _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return name

    yield make
    for name in made:
        _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    """Name of a database with the schema, made by schema.sql."""
    return make_database(_TEMPLATE)


@pytest.fixture
def database_url(postgres: PostgresServer, database: str) -> str:
    """Connection string of a database with the schema."""
    return postgres.url(database)


@pytest.fixture
def conn(database_url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A plain session in autocommit, in the server's zone: what a person with psql has."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        assert opened.execute("SHOW timezone").fetchone() == ("Asia/Kolkata",)
        yield opened


@pytest_asyncio.fixture
async def checker_pool(database_url: str) -> AsyncIterator[CheckerPool]:
    """The checker's own pool on a database with the schema."""
    async with AsyncExitStack() as stack:
        pool = await open_checker_pool(database_url)
        stack.push_async_callback(pool.close)
        yield pool


@pytest_asyncio.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    """An empty spool."""
    opened = Spool(tmp_path / "spool.sqlite3")
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A provider that takes every message."""
    async with Inbox() as opened:
        yield opened


def _execute(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(statement.encode())
