"""Sign-in while something is wrong: the database is away, somebody guesses, the pool can't write."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
import structlog
from flask import Flask, Response
from flask_wtf.csrf import generate_csrf

from ntp_checker.model import Scope
from ntp_checker.resources import sql_path
from ntp_checker.store.acting import acting
from ntp_checker.store.pool import open_act_pool, open_reader_pool
from ntp_checker.store.tokens import add_token
from ntp_checker.web import create_app
from ntp_checker.web.access import Access, access
from ntp_checker.web.basic import Passwords
from ntp_checker.web.guesses import NAME_GUESSES
from tests.postgres import PostgresServer
from tests.users import ADA, ADAS_PASSWORD, BOB, BOBS_PASSWORD, Clock, basic, bearer

OpenApp = Callable[..., Flask]
Connection = psycopg.Connection[tuple[object, ...]]
LAST_USED = "SELECT last_used_at FROM metrics.api_token"


@pytest.fixture
def open_app() -> Iterator[OpenApp]:
    """Makes the application for ada and bob; `act_url` is where it writes."""
    pools = []

    def make(url: str, *, act_url: str | None = None, public_url: str | None = None) -> Flask:
        pools.append(open_reader_pool(url))
        pools.append(open_act_pool(act_url or url))
        return create_app(
            read_pool=pools[-2],
            act_pool=pools[-1],
            passwords=Passwords((ADA, BOB), now_s=Clock()),
            interval_s=30.0,
            version="9.8.7",
            public_url=public_url,
        )

    yield make
    for pool in pools:
        pool.close()


def make_token(url: str) -> dict[str, str]:
    with open_act_pool(url) as pool, acting(pool, limit_s=30.0) as connection:
        secret = add_token(connection, name="ci", scope=Scope.READ, created_by="test", days=None)
    assert secret is not None
    return bearer(secret)


def test_everything_when_the_database_is_down_then_users_are_told_and_strangers_turned_away(
    open_app: OpenApp, own_postgres: PostgresServer
) -> None:
    own_postgres.psql("postgres", "-f", sql_path("schema.sql"))
    token = make_token(own_postgres.url())
    client = open_app(own_postgres.url()).test_client()
    assert client.get("/", headers=token).status_code == 200
    own_postgres.kill()

    page = client.get("/", headers=basic("ada", ADAS_PASSWORD))
    api = client.get("/api/latest", headers=token)

    assert page.status_code == 503
    assert "The database does not answer" in page.text
    assert (api.status_code, api.json["error"]["code"]) == (503, "database_down")
    assert client.get("/", headers=basic("ada", "wrong")).status_code == 401
    assert client.get("/").status_code == 401
    assert client.get("/healthz").status_code == 200


def test_token_when_used_then_noted(open_app: OpenApp, database_url: str, conn: Connection) -> None:
    token = make_token(database_url)
    open_app(database_url).test_client().get("/api/latest", headers=token)

    assert conn.execute(LAST_USED).fetchone() != (None,)


def test_token_when_used_again_at_once_then_not_noted_again(
    open_app: OpenApp, database_url: str, conn: Connection
) -> None:
    token = make_token(database_url)
    client = open_app(database_url).test_client()
    client.get("/api/latest", headers=token)
    first = conn.execute(LAST_USED).fetchone()
    client.get("/api/latest", headers=token)

    assert conn.execute(LAST_USED).fetchone() == first


def test_token_when_its_use_cannot_be_noted_then_it_reads_all_the_same(
    open_app: OpenApp, database_url: str, conn: Connection
) -> None:
    token = make_token(database_url)
    read_only = f"{database_url}&options=-c%20default_transaction_read_only%3Don"
    client = open_app(database_url, act_url=read_only).test_client()
    with structlog.testing.capture_logs() as logged:
        answer = client.get("/api/latest", headers=token)

    assert answer.status_code == 200
    assert conn.execute(LAST_USED).fetchone() == (None,)
    assert [(line["event"], line["token"]) for line in logged] == [
        ("use of a token not noted", "ci")
    ]


def test_stranger_when_it_guesses_then_told_when_to_come_back(
    open_app: OpenApp, database_url: str
) -> None:
    client = open_app(database_url).test_client()
    for _ in range(NAME_GUESSES):
        assert client.get("/api/hosts", headers=basic("ada", "wrong")).status_code == 401

    answer = client.get("/api/hosts", headers=basic("ada", ADAS_PASSWORD))

    assert (answer.status_code, answer.json["error"]["code"]) == (429, "too_many_tries")
    assert 0 < int(answer.headers["Retry-After"]) <= 10


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"])
def test_stranger_when_it_guesses_from_made_up_addresses_then_no_more_guesses_for_it(
    open_app: OpenApp, database_url: str, header: str
) -> None:
    client = open_app(database_url).test_client()
    statuses = [
        client.get(
            "/api/hosts", headers={**basic("ada", "wrong"), header: f"192.0.2.{number}"}
        ).status_code
        for number in range(NAME_GUESSES + 1)
    ]

    assert statuses[-1] == 429


def test_user_when_somebody_else_is_guessed_at_then_let_in(
    open_app: OpenApp, database_url: str
) -> None:
    client = open_app(database_url).test_client()
    for _ in range(NAME_GUESSES + 1):
        client.get("/api/hosts", headers=basic("ada", "wrong"))

    assert client.get("/api/hosts", headers=basic("bob", BOBS_PASSWORD)).status_code == 200


def test_log_when_people_sign_in_and_fail_then_no_secret_is_in_it(
    open_app: OpenApp, database_url: str
) -> None:
    token = make_token(database_url)
    client = open_app(database_url).test_client()
    with structlog.testing.capture_logs() as logged:
        client.get("/", headers=basic("ada", ADAS_PASSWORD))
        client.get("/", headers=basic("ada", "hunter2"))
        client.get("/", headers=token)
        client.get("/", headers=bearer("ntpc_" + "x" * 43))

    printed = repr(logged)
    for secret in (ADAS_PASSWORD, "hunter2", ADA.password_hash, "ntpc_", "Bearer", "Basic"):
        assert secret not in printed


@pytest.mark.parametrize(
    ("public_url", "name", "is_secure"),
    [
        (None, "ntp_checker", False),
        ("http://ntp.example.org", "ntp_checker", False),
        ("https://ntp.example.org", "__Host-ntp_checker", True),
    ],
)
def test_cookie_when_set_then_bound_to_this_dashboard(
    open_app: OpenApp, database_url: str, public_url: str | None, name: str, is_secure: bool
) -> None:
    app = open_app(database_url, public_url=public_url)

    @app.get("/form")
    @access(Access.PUBLIC)
    def form() -> Response:
        return Response(generate_csrf())

    response = app.test_client().get("/form")
    parts = response.headers["Set-Cookie"].split("; ")

    assert parts[0].startswith(f"{name}=")
    assert ("Secure" in parts) is is_secure
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
    assert not any(part.startswith("Domain") for part in parts)
