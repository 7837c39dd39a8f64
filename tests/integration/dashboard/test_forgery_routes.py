"""Every route that changes something: from a browser only with the token of its own session."""

from collections.abc import Iterator

import pytest
from flask import Flask

from ntp_checker.model import Auth
from tests.postgres import PostgresServer
from tests.sign_in import Dashboard, open_dashboard, rules


@pytest.fixture(scope="module")
def dashboard(postgres: PostgresServer) -> Iterator[Dashboard]:
    with open_dashboard(postgres) as opened:
        yield opened


def posts(app: Flask) -> list[str]:
    return [address for rule, address, _ in rules(app) if "POST" in (rule.methods or ())]


def is_refused(answer) -> bool:
    text = answer.get_data(as_text=True)
    return answer.status_code == 400 and ("Nothing was changed" in text or '"csrf"' in text)


@pytest.mark.parametrize(("auth", "who"), [(Auth.NONE, "nobody"), (Auth.BASIC, "ada")])
@pytest.mark.parametrize("token", ["missing", "wrong", "of another session", "good"])
def test_every_change_when_a_browser_asks_for_it_then_only_with_its_own_token(
    dashboard: Dashboard, auth: Auth, who: str, token: str
) -> None:
    app = dashboard.apps[auth]
    client, headers = app.test_client(), dashboard.headers(who)
    own = client.get("/planted/form", headers=headers).text
    theirs = app.test_client().get("/planted/form", headers=headers).text
    data = {
        "missing": {},
        "wrong": {"csrf_token": own.swapcase()},
        "of another session": {"csrf_token": theirs},
        "good": {"csrf_token": own},
    }[token]
    refused = {
        address: is_refused(client.post(address, data=data, headers=headers))
        for address in posts(app)
    }

    assert set(refused.values()) == {token != "good"}, refused


@pytest.mark.parametrize("auth", list(Auth))
def test_every_change_when_a_token_asks_for_it_then_no_form_is_needed(
    dashboard: Dashboard, auth: Auth
) -> None:
    app = dashboard.apps[auth]
    client, headers = app.test_client(), dashboard.headers("token that acts")
    refused = {address: is_refused(client.post(address, headers=headers)) for address in posts(app)}

    assert set(refused.values()) == {False}, refused


def test_change_when_a_proxys_own_bearer_is_shown_then_not_exempt(dashboard: Dashboard) -> None:
    client = dashboard.apps[Auth.NONE].test_client()

    assert is_refused(client.post("/planted/change", headers=dashboard.headers("foreign bearer")))
