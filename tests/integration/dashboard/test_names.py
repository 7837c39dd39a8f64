"""A dashboard without sign-in is not to be had under a name that somebody else chose."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from ntp_checker.store.pool import open_reader_pool
from ntp_checker.web import create_app

NAMES = ("localhost", "127.0.0.1", "::1", "ntp.example.org")


@pytest.fixture
def named(database_url: str) -> Iterator[FlaskClient]:
    with open_reader_pool(database_url) as pool:
        app = create_app(read_pool=pool, interval_s=30.0, version="0.0.0", names=NAMES)
        yield app.test_client()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("NTP.example.org", 200),
        ("rebound.example.net:8080", 421),
        ("localhost.example.net", 421),
        ("127.0.0.1.example.net:8080", 421),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/hosts", "/silences"])
def test_request_when_it_asks_for_a_name_then_answered_by_our_own_only(
    named: FlaskClient, host: str, status: int, path: str
) -> None:
    assert named.get(path, headers={"Host": host}).status_code == status


def test_request_when_by_a_foreign_name_then_says_which_setting(named: FlaskClient) -> None:
    answer = named.get("/api/hosts", headers={"Host": "rebound.example.net"})

    assert answer.json is not None
    assert answer.json["error"]["code"] == "wrong_name"
    assert "NTP_CHECKER_PUBLIC_URL" in answer.json["error"]["message"]
