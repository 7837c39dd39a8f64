"""What is changed is changed under the name that signed in, and by nobody who may only read."""

import re
from collections.abc import Iterator

import pytest

from ntp_checker.model import Auth
from tests.postgres import PostgresServer
from tests.sign_in import Dashboard, open_dashboard

SILENCE = {"everything": True, "reason": "fire drill", "for": "1h"}


@pytest.fixture
def dashboard(postgres: PostgresServer) -> Iterator[Dashboard]:
    with open_dashboard(postgres) as opened:
        yield opened


def test_silence_when_a_user_makes_it_then_under_their_name_and_none_is_asked_for(
    dashboard: Dashboard,
) -> None:
    client, headers = dashboard.apps[Auth.BASIC].test_client(), dashboard.headers("ada")
    page = client.get("/silences", headers=headers).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    fields = {"everything": "on", "reason": "fire drill", "for": "1h", "csrf_token": token[1]}

    answer = client.post("/silences", data=fields, headers=headers)

    assert "Your name" not in page
    assert answer.status_code == 303, answer.text
    (one,) = client.get("/api/silences", headers=headers).json["silences"]
    assert one["created_by"] == "ada"


def test_silence_when_a_token_makes_it_then_under_the_tokens_name(dashboard: Dashboard) -> None:
    client = dashboard.apps[Auth.BASIC].test_client()
    headers = dashboard.headers("token that acts")

    assert client.post("/api/silences", json=SILENCE, headers=headers).status_code == 201
    (one,) = client.get("/api/silences", headers=headers).json["silences"]
    assert one["created_by"] == "token that acts"


def test_silence_when_it_names_another_than_signed_in_then_refused(dashboard: Dashboard) -> None:
    client = dashboard.apps[Auth.BASIC].test_client()
    headers = dashboard.headers("token that acts")

    answer = client.post("/api/silences", json={**SILENCE, "by": "eve"}, headers=headers)

    assert answer.status_code == 400
    assert "signed in under another name" in answer.json["error"]["message"]


def test_silences_when_somebody_may_only_read_then_no_form_and_no_change(
    dashboard: Dashboard,
) -> None:
    client, headers = dashboard.apps[Auth.BASIC].test_client(), dashboard.headers("bob")

    assert 'id="create"' not in client.get("/silences", headers=headers).text
    assert client.post("/silences", data=SILENCE, headers=headers).status_code == 403
