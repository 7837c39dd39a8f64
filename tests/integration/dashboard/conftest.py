"""The dashboard's application over a real PostgreSQL; rows are put in through SQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from ntp_checker.store.pool import open_act_pool, open_reader_pool
from ntp_checker.web import create_app
from tests.postgres import PostgresServer

OpenApp = Callable[[str], Flask]


@pytest.fixture
def open_app() -> Iterator[OpenApp]:
    with ExitStack() as pools:

        def make(url: str) -> Flask:
            return create_app(
                read_pool=pools.enter_context(open_reader_pool(url)),
                act_pool=pools.enter_context(open_act_pool(url)),
                interval_s=30.0,
                version="9.8.7",
            )

        yield make


@pytest.fixture
def client(open_app: OpenApp, database_url: str) -> FlaskClient:
    return open_app(database_url).test_client()


@pytest.fixture(scope="module")
def quiet_client(postgres: PostgresServer) -> Iterator[FlaskClient]:
    """On one database without hosts, for tests that put nothing in: making one takes a while."""
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE quiet TEMPLATE with_schema")
        with open_reader_pool(postgres.url("quiet")) as pool:
            yield create_app(read_pool=pool, interval_s=30.0, version="9.8.7").test_client()
        admin.execute("DROP DATABASE quiet WITH (FORCE)")
