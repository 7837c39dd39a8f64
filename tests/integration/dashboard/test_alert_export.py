"""The alerts as CSV: all of them, or as many as were asked for."""

import csv
import http.client
import io
import re
from contextlib import closing
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from flask.testing import FlaskClient

from ntp_checker.web.alert_export import PART_ALERTS
from ntp_checker.web.services import EXPORTS_AT_ONCE
from tests.alert_rows import AlertRow, add_alert, add_many
from tests.dashboard import DashboardProcess
from tests.fleet_rows import FleetHost, add_host

Connection = psycopg.Connection[tuple[Any, ...]]
#: Two parts and a bit of a third.
MANY = 2 * PART_ALERTS + 7
CUT_SHORT = f"CUT SHORT: {MANY - PART_ALERTS} more alerts could not be read; ask again"
BREAK = "ALTER TABLE metrics.alert_event RENAME TO away"


@pytest.fixture
def many(client: FlaskClient, conn: Connection) -> FlaskClient:
    """More alerts of one host than are read at once, and one of another that is open."""
    for name in ("gps1", "gps2"):
        add_host(conn, FleetHost(name=name))
    add_many(conn, "gps1", MANY)
    add_alert(conn, AlertRow(host="gps2"))
    return client


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_when_no_limit_is_given_then_it_holds_every_alert_once(many: FlaskClient) -> None:
    answer = many.get("/api/alerts.csv")
    found = rows(answer.text)
    opened = [row["opened_at"] for row in found[1:]]

    assert answer.content_type == "text/csv; charset=utf-8"
    assert found[0]["host"] == "gps2"  # open ones first, as the API has them
    assert len({row["alert_id"] for row in found}) == len(found) == MANY + 1
    assert opened == sorted(opened, reverse=True)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?host=gps1", MANY),
        ("?host=gps2", 1),
        ("?host=gps3", 0),
        ("?state=closed", MANY),
        ("?limit=", MANY + 1),
        ("?limit=10", 10),
        ("?page=2", 100),
        (f"?host=gps1&limit=1000&page={MANY // 1000 + 1}", MANY % 1000),
    ],
)
def test_csv_when_something_is_asked_for_then_just_that(
    many: FlaskClient, query: str, found: int
) -> None:
    assert len(rows(many.get(f"/api/alerts.csv{query}").text)) == found


def test_page_when_there_are_more_pages_then_its_csv_is_of_all_that_match(
    many: FlaskClient,
) -> None:
    link = re.search(r'href="(/api/alerts.csv[^"]*)"', many.get("/alerts?host=gps1&page=2").text)
    assert link is not None

    assert len(rows(many.get(unescape(link[1])).text)) == MANY


def test_csv_when_an_argument_is_wrong_then_it_is_named(many: FlaskClient) -> None:
    answer = many.get("/api/alerts.csv?hots=gps1")

    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_argument")


def test_csv_when_the_first_part_can_not_be_read_then_no_list(
    many: FlaskClient, conn: Connection
) -> None:
    conn.execute(BREAK)
    conn.commit()

    assert many.get("/api/alerts.csv").status_code == 503


def test_csv_when_it_can_not_be_read_to_its_end_then_its_last_line_says_so(
    many: FlaskClient, conn: Connection
) -> None:
    answer = many.get("/api/alerts.csv?host=gps1", buffered=False)
    parts = answer.iter_encoded()
    lines = [next(parts)]
    conn.execute(BREAK)
    conn.commit()
    with pytest.raises(ConnectionResetError):
        lines.extend(parts)

    written = b"".join(lines).decode().splitlines()
    assert len(written) == 1 + PART_ALERTS + 1
    assert written[-1] == CUT_SHORT


def test_csv_when_as_many_as_allowed_are_written_then_busy_until_one_has_ended(
    many: FlaskClient,
) -> None:
    written = [many.get("/api/alerts.csv", buffered=False) for _ in range(EXPORTS_AT_ONCE)]
    busy = many.get("/api/alerts.csv")
    written[0].close()
    later = many.get("/api/alerts.csv")

    assert (busy.status_code, busy.json["error"]["code"]) == (503, "busy")
    assert later.status_code == 200
    written[1].close()


def test_csv_when_it_breaks_off_then_the_client_gets_no_whole_answer(
    database_url: str, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="gps1"))
    # More than lies in the sockets' buffers while the client reads nothing.
    add_many(conn, "gps1", 40_000, reason="x" * 500)
    with DashboardProcess(database_url) as dashboard:
        connection = http.client.HTTPConnection(urlsplit(dashboard.url).netloc, timeout=10)
        connection.request("GET", "/api/alerts.csv")
        with closing(connection), connection.getresponse() as answer:
            conn.execute(BREAK)
            conn.commit()
            with pytest.raises(http.client.IncompleteRead) as broken:
                answer.read()

    assert b"CUT SHORT: " in broken.value.partial[-200:]
    assert not any("Traceback" in line for line in dashboard.lines)
