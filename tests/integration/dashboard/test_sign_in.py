"""Every route in every mode with every kind of credentials: what its policy says, and no more."""

from collections.abc import Iterator

import pytest

from ntp_checker.model import Auth
from ntp_checker.web.access import Access
from tests.postgres import PostgresServer
from tests.sign_in import Dashboard, open_dashboard, rules

METHODS = ("GET", "HEAD", "POST")
#: Who gets how far: refused as a stranger, may read, may act.
RIGHTS = {
    Auth.NONE: {
        "nobody": Access.ACT,
        "wrong password": Access.ACT,
        "wrong user": Access.ACT,
        "no base64": Access.ACT,
        "other scheme": Access.ACT,
        "foreign bearer": Access.ACT,
        "made-up token": Access.PUBLIC,
        "half a token": Access.PUBLIC,
        "token without its prefix": Access.PUBLIC,
        "no token": Access.PUBLIC,
        "ada": Access.ACT,
        "bob": Access.ACT,
        "token that reads": Access.READ,
        "token that acts": Access.ACT,
        "revoked token": Access.PUBLIC,
        "expired token": Access.PUBLIC,
    },
    Auth.BASIC: {
        "nobody": Access.PUBLIC,
        "wrong password": Access.PUBLIC,
        "wrong user": Access.PUBLIC,
        "no base64": Access.PUBLIC,
        "other scheme": Access.PUBLIC,
        "foreign bearer": Access.PUBLIC,
        "made-up token": Access.PUBLIC,
        "half a token": Access.PUBLIC,
        "token without its prefix": Access.PUBLIC,
        "no token": Access.PUBLIC,
        "ada": Access.ACT,
        "bob": Access.READ,
        "token that reads": Access.READ,
        "token that acts": Access.ACT,
        "revoked token": Access.PUBLIC,
        "expired token": Access.PUBLIC,
    },
}
CASES = [(auth, who) for auth, rights in RIGHTS.items() for who in rights]
_HEIGHT = {Access.PUBLIC: 0, Access.READ: 1, Access.ACT: 2}


def expected(policy: Access, right: Access) -> int | None:
    """The status that refuses, or None where the view is to answer."""
    if _HEIGHT[policy] <= _HEIGHT[right]:
        return None
    return 401 if right is Access.PUBLIC else 403


@pytest.fixture(scope="module")
def dashboard(postgres: PostgresServer) -> Iterator[Dashboard]:
    with open_dashboard(postgres) as opened:
        yield opened


@pytest.mark.parametrize(("auth", "who"), CASES)
@pytest.mark.parametrize(
    "spoofed",
    [
        {},
        {
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-User": "ada",
            "X-Remote-User": "ada",
            "Forwarded": "for=127.0.0.1",
            "Host": "localhost:1",
        },
    ],
    ids=["plain", "spoofed"],
)
def test_every_route_when_asked_then_answered_as_its_policy_says(
    dashboard: Dashboard, auth: Auth, who: str, spoofed: dict[str, str]
) -> None:
    app = dashboard.apps[auth]
    client = app.test_client()
    headers = {**dashboard.headers(who), **spoofed}
    wrong = []
    for rule, address, policy in rules(app):
        for method in METHODS:
            if method not in (rule.methods or ()):
                continue
            answer = client.open(address, method=method, headers=headers)
            refused = answer.status_code if answer.status_code in (401, 403) else None
            if refused != expected(policy, RIGHTS[auth][who]):
                wrong.append((method, address, answer.status_code))

    assert wrong == []


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE", "PATCH"])
def test_every_route_when_asked_in_another_way_then_405(
    dashboard: Dashboard, auth: Auth, method: str
) -> None:
    app = dashboard.apps[auth]
    client = app.test_client()
    statuses = {
        address: client.open(address, method=method).status_code for _, address, _ in rules(app)
    }

    assert set(statuses.values()) == {405}, statuses


@pytest.mark.parametrize("auth", list(Auth))
def test_every_route_that_only_reads_when_posted_to_then_405(
    dashboard: Dashboard, auth: Auth
) -> None:
    app = dashboard.apps[auth]
    client = app.test_client()
    posted = {address for rule, address, _ in rules(app) if "POST" in (rule.methods or ())}
    only_read = {address for _, address, _ in rules(app)} - posted
    statuses = {address: client.post(address).status_code for address in only_read}

    assert set(statuses.values()) == {405}, statuses


def test_stranger_when_turned_away_then_the_page_says_how_to_sign_in(
    dashboard: Dashboard,
) -> None:
    answer = dashboard.apps[Auth.BASIC].test_client().get("/alerts")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="NTP Checker", charset=UTF-8'
    assert "Sign in" in answer.text
    assert answer.headers["Content-Security-Policy"]


def test_stranger_when_turned_away_by_the_api_then_in_json(dashboard: Dashboard) -> None:
    answer = dashboard.apps[Auth.BASIC].test_client().get("/api/latest")

    assert (answer.status_code, answer.json["error"]["code"]) == (401, "sign_in")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_stranger_when_an_address_is_no_route_then_not_told_so(dashboard: Dashboard) -> None:
    assert dashboard.apps[Auth.BASIC].test_client().get("/nowhere").status_code == 401


def test_reader_when_it_changes_something_then_the_api_says_forbidden(
    dashboard: Dashboard,
) -> None:
    answer = (
        dashboard.apps[Auth.BASIC]
        .test_client()
        .post("/api/planted/change", headers=dashboard.headers("bob"))
    )

    assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("auth", "who", "actor"),
    [
        (Auth.NONE, "nobody", "None"),
        (Auth.NONE, "ada", "None"),
        (Auth.NONE, "token that reads", "token that reads"),
        (Auth.BASIC, "ada", "ada"),
        (Auth.BASIC, "bob", "bob"),
        (Auth.BASIC, "token that acts", "token that acts"),
    ],
)
def test_actor_when_asked_for_then_the_name_that_was_proven(
    dashboard: Dashboard, auth: Auth, who: str, actor: str
) -> None:
    client = dashboard.apps[auth].test_client()

    assert client.get("/planted/actor", headers=dashboard.headers(who)).text == actor
