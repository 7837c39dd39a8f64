"""A change is taken from our own pages only."""

from typing import Any

import pytest
from flask import Flask, Response, render_template_string
from flask.testing import FlaskClient

from ntp_checker.web.access import Access, access

FORM = '<input name="csrf_token" value="{{ csrf_token() }}">'


@pytest.fixture
def client(open_app, database_url: str) -> FlaskClient:
    """Two views that change something, and a page with a form for them."""
    app: Flask = open_app(database_url)

    @app.get("/form")
    @access(Access.READ)
    def form() -> Response:
        return Response(render_template_string(FORM))

    @app.post("/change")
    @access(Access.ACT)
    def change() -> Response:
        return Response("changed")

    @app.post("/api/change")
    @access(Access.ACT)
    def api_change() -> Response:
        return Response("changed")

    return app.test_client()


def token_of(client: FlaskClient) -> str:
    return client.get("/form").text.partition('value="')[2].partition('"')[0]


def test_change_when_the_form_carries_its_token_then_done(client: FlaskClient) -> None:
    answer = client.post("/change", data={"csrf_token": token_of(client)})

    assert (answer.status_code, answer.text) == (200, "changed")


def test_change_when_the_head_carries_the_token_then_done(client: FlaskClient) -> None:
    answer = client.post("/api/change", headers={"X-CSRFToken": token_of(client)})

    assert (answer.status_code, answer.text) == (200, "changed")


@pytest.mark.parametrize("data", [{}, {"csrf_token": ""}, {"csrf_token": "made up"}])
def test_change_when_the_token_is_not_ours_then_a_page_says_that_nothing_was_done(
    client: FlaskClient, data: dict[str, str]
) -> None:
    token_of(client)
    answer = client.post("/change", data=data)

    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text


def test_change_when_the_token_is_not_ours_then_the_api_says_csrf(client: FlaskClient) -> None:
    answer = client.post("/api/change")

    assert (answer.status_code, answer.json["error"]["code"]) == (400, "csrf")
    assert "a token of scope act" in answer.json["error"]["message"]


def test_change_when_the_token_is_of_another_session_then_refused(client: FlaskClient) -> None:
    theirs = token_of(client.application.test_client())
    token_of(client)

    assert client.post("/change", data={"csrf_token": theirs}).status_code == 400


def test_change_when_a_head_names_a_bearer_that_is_none_then_never_exempt(
    client: FlaskClient,
) -> None:
    answer = client.post("/change", headers={"Authorization": "Bearer made-up"})

    assert answer.status_code in (400, 401)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "http://[localhost]"}, 403),
        ({"Origin": "null"}, 400),
        ({"Origin": "http://localhost:81"}, 400),
        ({"Origin": "https://evil.example"}, 400),
        ({"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}, 400),
    ],
)
def test_change_when_the_browser_says_where_it_is_from_then_only_our_own_is_taken(
    client: FlaskClient, headers: dict[str, Any], status: int
) -> None:
    answer = client.post("/change", data={"csrf_token": token_of(client)}, headers=headers)

    assert answer.status_code == status
