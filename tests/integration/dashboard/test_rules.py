"""What holds for every route, and what is said when the database is away."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from ntp_checker.resources import sql_path
from tests.postgres import PostgresServer

Connection = psycopg.Connection[tuple[Any, ...]]
OpenApp = Callable[[str], Flask]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
EVERY_ROUTE = [
    "/",
    "/?state=critical&sort=host&q=x&page=9&range=x&host=y",
    "/fragments/fleet",
    "/api/latest",
    "/api/hosts",
    "/api/offset",
    "/healthz",
    "/readyz",
    "/nowhere",
    "/api/nowhere",
    "/api/offset?range=1y",
    "/static/nothing.css",
]


@pytest.mark.parametrize("route", EVERY_ROUTE)
def test_route_when_asked_then_every_security_header_is_there(
    quiet_client: FlaskClient, route: str
) -> None:
    headers = quiet_client.get(route).headers

    assert headers["Content-Security-Policy"] == CSP
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert len(headers["X-Request-Id"]) == 16


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("route", ["/", "/api/latest", "/healthz"])
def test_route_when_not_read_then_405(quiet_client: FlaskClient, route: str, method: str) -> None:
    answer = quiet_client.open(route, method=method)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_request_when_its_body_is_large_then_413(quiet_client: FlaskClient) -> None:
    answer = quiet_client.get("/api/latest", data=b"x" * 65_537)

    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")


def test_readyz_when_the_schema_fits_then_200(quiet_client: FlaskClient) -> None:
    assert quiet_client.get("/readyz").status_code == 200


def test_readyz_when_the_schema_is_newer_then_503_without_details(
    client: FlaskClient, conn: Connection
) -> None:
    conn.execute(
        "INSERT INTO metrics.schema_migration (version, name, checksum) VALUES (999, 'x', 'x')"
    )

    answer = client.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "not ready\n")


def test_page_when_there_is_no_schema_then_503_with_the_command(
    open_app: OpenApp, make_database: Callable[..., str], postgres: PostgresServer
) -> None:
    client = open_app(postgres.url(make_database())).test_client()

    answer = client.get("/")

    assert answer.status_code == 503
    assert "ntp-checker db init" in answer.text
    assert client.get("/readyz").status_code == 503


def test_everything_when_the_database_is_killed_then_said_in_words_until_it_is_back(
    open_app: OpenApp, own_postgres: PostgresServer
) -> None:
    own_postgres.psql("postgres", "-f", sql_path("schema.sql"))
    client = open_app(own_postgres.url()).test_client()
    assert client.get("/").status_code == 200
    own_postgres.kill()

    page, api = client.get("/"), client.get("/api/latest")

    assert page.status_code == 503
    assert "The database does not answer" in page.text
    assert "/" + own_postgres.folder.name not in page.text
    assert "This page comes back by itself." in page.text
    assert (api.status_code, api.json["error"]["code"]) == (503, "database_down")
    assert "Ask again after" in api.json["error"]["message"]
    assert "page" not in api.json["error"]["message"]
    assert int(api.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503

    own_postgres.start()
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while client.get("/readyz").status_code != 200:
        assert datetime.now(UTC) < deadline
    assert client.get("/").status_code == 200


def test_everything_when_the_database_is_frozen_then_503_in_time_and_healthz_lives(
    open_app: OpenApp, own_postgres: PostgresServer
) -> None:
    own_postgres.psql("postgres", "-f", sql_path("schema.sql"))
    client = open_app(own_postgres.url()).test_client()
    assert client.get("/").status_code == 200
    own_postgres.freeze()
    try:
        begun = datetime.now(UTC)

        assert client.get("/").status_code == 503
        assert datetime.now(UTC) - begun < timedelta(seconds=15)
        assert client.get("/healthz").status_code == 200
    finally:
        own_postgres.thaw()

    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while client.get("/").status_code != 200:
        assert datetime.now(UTC) < deadline


def test_chart_when_too_many_are_asked_for_then_503_at_once(quiet_client: FlaskClient) -> None:
    asked = quiet_client.application.extensions["ntp_checker"].charts_asked
    taken = 0
    while asked.acquire(blocking=False):
        taken += 1
    try:
        answer = quiet_client.get("/api/offset")
    finally:
        asked.release(taken)

    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert quiet_client.get("/api/offset").status_code == 200
