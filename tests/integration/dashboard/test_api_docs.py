"""docs/api.md says what is true of each route below /api."""

import re
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from ntp_checker.web.access import policy_of
from ntp_checker.web.action_arguments import (
    ACKNOWLEDGE_KEYS,
    EXPIRE_KEYS,
    SILENCE_KEYS,
    UNACKNOWLEDGE_KEYS,
)
from ntp_checker.web.alert_arguments import FILTER_KEYS
from ntp_checker.web.errors import CODES
from tests.alert_rows import AlertRow, NoticeRow, add_alert
from tests.fleet_rows import FleetHost, add_host

Connection = psycopg.Connection[tuple[Any, ...]]

TEXT = (Path(__file__).resolve().parents[3] / "docs/api.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part.split("\n## ", 1)[0] for part in TEXT.split("\n### ")[1:]}
#: What the stores' tests put into a sample, too, and no checker does.
MADE_UP = {"host_time_at"}


def routes(app: Flask) -> dict[str, str]:
    """Method and address of each route below /api, as the page writes them: its scope."""
    found = {}
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if not rule.rule.startswith("/api/"):
                continue
            address = re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                policy = policy_of(rule.endpoint)
                assert policy is not None
                found[f"{method} {address}"] = policy.value
    return found


def example(heading: str) -> Any:
    (text,) = re.findall(r"```json\n(.*?)```", SECTIONS[heading], re.DOTALL)
    return orjson.loads(text)


def check_keys(served: Any, shown: Any, where: str) -> None:
    """The same keys everywhere; of lists the first items are held against each other."""
    if isinstance(served, dict) and isinstance(shown, dict):
        assert set(served) - MADE_UP == set(shown), where
        for key in shown:
            check_keys(served[key], shown[key], f"{where}.{key}")
    elif isinstance(served, list) and isinstance(shown, list) and served and shown:
        check_keys(served[0], shown[0], where)


@pytest.fixture
def filled(client: FlaskClient, conn: Connection) -> FlaskClient:
    """One host, one alert that was told and taken on, one silence."""
    add_host(conn, FleetHost(name="ntp1"))
    add_alert(conn, AlertRow(host="ntp1", acknowledged_by="ada"), NoticeRow())
    body = {"host": "ntp1", "for": "2h", "reason": "new antenna", "by": "ada"}
    assert post(client, "/api/silences", body).status_code == 201
    return client


def post(client: FlaskClient, path: str, body: dict[str, str]) -> Any:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/silences").text)
    assert found is not None
    return client.post(path, json=body, headers={"X-CSRFToken": found[1]})


def test_routes_when_served_then_the_page_has_them_and_no_other(quiet_client: FlaskClient) -> None:
    assert sorted(SECTIONS) == sorted(routes(quiet_client.application))


def test_routes_when_served_then_the_page_has_the_scope_of_each(quiet_client: FlaskClient) -> None:
    shown = {
        heading: re.findall(r"^Scope: `(\w+)`\.", section, re.MULTILINE)
        for heading, section in SECTIONS.items()
    }

    assert shown == {one: [scope] for one, scope in routes(quiet_client.application).items()}


@pytest.mark.parametrize(
    ("heading", "path"),
    [
        ("GET /api/latest", "/api/latest"),
        ("GET /api/hosts", "/api/hosts"),
        ("GET /api/offset", "/api/offset?host=ntp1"),
        ("GET /api/alerts", "/api/alerts"),
        ("GET /api/silences", "/api/silences"),
    ],
)
def test_example_when_asked_for_then_the_answer_has_its_keys(
    filled: FlaskClient, heading: str, path: str
) -> None:
    answer = filled.get(path)

    assert answer.status_code == 200
    check_keys(answer.json, example(heading), path)


@pytest.mark.parametrize(
    ("heading", "path", "body"),
    [
        (
            "POST /api/alerts/{alert_id}/acknowledge",
            "/api/alerts/1/acknowledge",
            {"note": "on it", "for": "8h"},
        ),
        (
            "POST /api/alerts/{alert_id}/unacknowledge",
            "/api/alerts/1/unacknowledge",
            {},
        ),
        ("POST /api/silences", "/api/silences", {"host": "ntp1", "for": "2h", "reason": "x"}),
        ("POST /api/silences/{silence_id}/expire", "/api/silences/1/expire", {}),
    ],
)
def test_example_when_something_is_changed_then_the_answer_has_its_keys(
    filled: FlaskClient, heading: str, path: str, body: dict[str, str]
) -> None:
    answer = post(filled, path, {**body, "by": "ada"})

    assert answer.status_code in (200, 201), answer.text
    check_keys(answer.json, example(heading), path)


def test_csv_when_asked_for_then_the_page_has_its_head(filled: FlaskClient) -> None:
    head = filled.get("/api/alerts.csv").text.splitlines()[0]

    assert head in SECTIONS["GET /api/alerts.csv"].splitlines()


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("GET /api/latest", ("view",)),
        ("GET /api/offset", ("range", "host", "from", "to", "max_points")),
        ("GET /api/alerts", (*FILTER_KEYS, "limit", "page")),
        ("GET /api/silences", ("page",)),
        ("POST /api/alerts/{alert_id}/acknowledge", ACKNOWLEDGE_KEYS),
        ("POST /api/alerts/{alert_id}/unacknowledge", UNACKNOWLEDGE_KEYS),
        ("POST /api/silences", SILENCE_KEYS),
        ("POST /api/silences/{silence_id}/expire", EXPIRE_KEYS),
    ],
)
def test_arguments_when_taken_then_the_page_names_them(
    heading: str, names: tuple[str, ...]
) -> None:
    assert [name for name in names if f"`{name}`" not in SECTIONS[heading]] == []


def test_errors_when_told_by_a_code_then_the_page_has_it() -> None:
    errors = TEXT.split("\n## Errors\n")[1]

    assert [code for code in CODES.values() if f"`{code}`" not in errors] == []
