"""Every view says who may ask; what does not say it is closed."""

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from ntp_checker.web.access import Access, access, policy_of

PUBLIC = {"health.healthz", "health.readyz", "pages.static_file"}


def test_route_when_it_has_no_policy_then_this_fails(quiet_client: FlaskClient) -> None:
    app = quiet_client.application
    with app.app_context():
        without = [rule.rule for rule in app.url_map.iter_rules() if not policy_of(rule.endpoint)]

    assert without == []


def test_route_when_it_is_public_then_it_is_one_of_those_meant_to_be(
    quiet_client: FlaskClient,
) -> None:
    app = quiet_client.application
    with app.app_context():
        public = {
            rule.endpoint
            for rule in app.url_map.iter_rules()
            if policy_of(rule.endpoint) is Access.PUBLIC
        }

    assert public == PUBLIC


@pytest.fixture
def planted_client(open_app, database_url: str) -> FlaskClient:
    """With a view that has no policy, one that takes POST only, and one that takes both."""
    app: Flask = open_app(database_url)

    @app.get("/unmarked")
    def unmarked() -> Response:
        return Response("seen")

    @app.post("/changed")
    @access(Access.ACT)
    def changed() -> Response:
        return Response("changed")

    @app.get("/both")
    @access(Access.READ)
    def read_both() -> Response:
        return Response("read")

    @app.post("/both")
    @access(Access.ACT)
    def change_both() -> Response:
        return Response("changed")

    return app.test_client()


def test_route_when_its_view_has_no_policy_then_404(planted_client: FlaskClient) -> None:
    answer = planted_client.get("/unmarked")

    assert answer.status_code == 404
    assert "seen" not in answer.text


@pytest.mark.parametrize(
    ("route", "method", "allowed"),
    [
        ("/changed", "GET", "POST"),
        ("/changed", "HEAD", "POST"),
        ("/changed", "OPTIONS", "POST"),
        ("/changed", "PUT", "POST"),
        ("/both", "OPTIONS", "GET, HEAD, POST"),
        ("/both", "DELETE", "GET, HEAD, POST"),
    ],
)
def test_route_when_asked_in_a_way_it_does_not_have_then_405(
    planted_client: FlaskClient, route: str, method: str, allowed: str
) -> None:
    answer = planted_client.open(route, method=method)

    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_address_when_no_route_has_it_then_404_for_post_too(planted_client: FlaskClient) -> None:
    assert planted_client.post("/nowhere").status_code == 404
