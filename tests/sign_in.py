"""The dashboard in both modes of sign-in, with users and tokens of every kind.

Its routes are those of the application's own table, and planted ones that change something.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from flask import Flask, Response
from flask_wtf.csrf import generate_csrf
from werkzeug.routing import Rule

from ntp_checker.model import Auth, Scope
from ntp_checker.store.acting import acting
from ntp_checker.store.pool import ActPool, open_act_pool, open_reader_pool
from ntp_checker.store.tokens import add_token, revoke_token
from ntp_checker.web import create_app
from ntp_checker.web.access import Access, access, current_actor, policy_of
from ntp_checker.web.basic import Passwords
from tests.postgres import PostgresServer
from tests.users import ADA, ADAS_PASSWORD, BOB, BOBS_PASSWORD, basic, bearer

MADE_UP = "ntpc_" + "x" * 43
TOKENS = {
    "token that reads": Scope.READ,
    "token that acts": Scope.ACT,
    "revoked token": Scope.ACT,
    "expired token": Scope.ACT,
}
VALUES: dict[str, Callable[[], object]] = {
    "IntegerConverter": lambda: 1,
    "FloatConverter": lambda: 1.0,
    "UUIDConverter": lambda: uuid.UUID(int=1),
}


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The application in both modes on one database, and the tokens that are there."""

    apps: dict[Auth, Flask]
    tokens: dict[str, str]

    def headers(self, who: str) -> dict[str, str]:
        """The credentials of this name; none for `nobody`."""
        known = {
            "nobody": {},
            "wrong password": basic("ada", "wrong"),
            "wrong user": basic("eve", ADAS_PASSWORD),
            "no base64": {"Authorization": "Basic %%%"},
            "other scheme": {"Authorization": "Digest username=ada"},
            "foreign bearer": bearer("eyJhbGciOiJub25lIn0.e30."),
            "made-up token": bearer(MADE_UP),
            "half a token": bearer(MADE_UP[:-1]),
            "token without its prefix": bearer(MADE_UP.removeprefix("ntpc_")),
            "no token": {"Authorization": "Bearer"},
            "ada": basic("ada", ADAS_PASSWORD),
            "bob": basic("bob", BOBS_PASSWORD),
        }
        return known[who] if who in known else bearer(self.tokens[who])


class Steps:
    """A clock on which enough time passes between two questions that no guess has to wait."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += 3600.0
        return self._now_s


@contextmanager
def open_dashboard(postgres: PostgresServer) -> Iterator[Dashboard]:
    """On a database of its own, with the schema of the template `with_schema`."""
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE sign_in TEMPLATE with_schema")
        url = postgres.url("sign_in")
        with open_reader_pool(url) as read_pool, open_act_pool(url) as act_pool:
            tokens = _add_tokens(act_pool)
            apps = {
                auth: create_app(
                    read_pool=read_pool,
                    act_pool=act_pool,
                    passwords=Passwords((ADA, BOB), now_s=Steps()) if auth is Auth.BASIC else None,
                    interval_s=30.0,
                    version="9.8.7",
                )
                for auth in Auth
            }
            for app in apps.values():
                plant(app)
            yield Dashboard(apps=apps, tokens=tokens)
        admin.execute("DROP DATABASE sign_in WITH (FORCE)")


def _add_tokens(act_pool: ActPool) -> dict[str, str]:
    with acting(act_pool, limit_s=30.0) as connection:
        secrets = {
            name: add_token(connection, name=name, scope=scope, created_by="test", days=1)
            for name, scope in TOKENS.items()
        }
        revoke_token(connection, "revoked token")
        connection.execute(
            "UPDATE metrics.api_token SET expires_at = clock_timestamp()"
            " WHERE name = 'expired token'"
        )
    return {name: secret for name, secret in secrets.items() if secret is not None}


def plant(app: Flask) -> None:
    """A page with a form's token, a view that names who asks, and two that change something."""

    @app.get("/planted/form")
    @access(Access.READ)
    def planted_form() -> Response:
        return Response(generate_csrf())

    @app.get("/planted/actor")
    @access(Access.READ)
    def planted_actor() -> Response:
        return Response(str(current_actor()))

    @app.post("/planted/change")
    @access(Access.ACT)
    def planted_change() -> Response:
        return Response("changed")

    @app.post("/api/planted/change")
    @access(Access.ACT)
    def planted_api_change() -> Response:
        return Response("changed")


def rules(app: Flask) -> list[tuple[Rule, str, Access]]:
    """Each route with an address of it, and its policy."""
    adapter = app.url_map.bind("localhost")
    found = []
    with app.app_context():
        for rule in app.url_map.iter_rules():
            values = {
                name: VALUES.get(type(rule._converters[name]).__name__, lambda: "x")()
                for name in rule.arguments
            }
            policy = policy_of(rule.endpoint)
            assert policy is not None, rule
            found.append((rule, adapter.build(rule.endpoint, values, method=_method(rule)), policy))
    return found


def _method(rule: Rule) -> str:
    return "POST" if "POST" in (rule.methods or ()) else "GET"
