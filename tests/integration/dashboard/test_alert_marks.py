"""Alerts where people look at hosts: on the chart's answer and in the overview's rows."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from ntp_checker.web.api import MAX_MARKS
from tests.alert_rows import BEGAN_AT, AlertRow, add_alert
from tests.fleet_rows import FleetHost, add_host

Connection = psycopg.Connection[tuple[Any, ...]]
OPENED_AT = BEGAN_AT + timedelta(minutes=1)
CLOSED_AT = OPENED_AT + timedelta(minutes=30)


@pytest.fixture
def hosts(client: FlaskClient, conn: Connection) -> FlaskClient:
    for name in ("gps1", "gps2"):
        add_host(conn, FleetHost(name=name))
    return client


def marks(client: FlaskClient, query: str) -> list[tuple[str, str, int, int, bool]]:
    answer = client.get(f"/api/offset?{query}")
    assert answer.status_code == 200, answer.text
    return [
        (one["host"], one["code"], one["from"], one["to"], one["is_open"])
        for one in answer.json["alerts"]
    ]


def test_chart_when_an_alert_of_its_host_was_open_then_when(
    hosts: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="gps1", state="closed", severity="warning"))
    add_alert(conn, AlertRow(host="gps2"))

    opened_s, closed_s = int(OPENED_AT.timestamp()), int(CLOSED_AT.timestamp())
    assert marks(hosts, "host=gps1") == [("gps1", "offset_high", opened_s, closed_s, False)]


def test_chart_when_an_alert_is_open_then_to_now_and_not_before_the_chart(
    hosts: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="gps1", began_at=BEGAN_AT - timedelta(days=9)))
    answer = hosts.get("/api/offset?host=gps1").json

    (mark,) = answer["alerts"]
    assert mark["is_open"] is True
    assert mark["from"] == answer["series"][0]["t"][0]
    assert mark["to"] <= answer["series"][0]["t"][-1] + answer["resolution_s"]


def test_chart_when_of_the_fleet_then_critical_ones_of_the_clock_only(
    hosts: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="gps1"))
    add_alert(conn, AlertRow(host="gps2", severity="warning"))
    add_alert(conn, AlertRow(host="gps2", code="gps_no_fix"))
    add_alert(conn, AlertRow(host="gps2", code="error_bound_high", state="closed"))

    assert {(host, code) for host, code, *_ in marks(hosts, "range=24h")} == {
        ("gps1", "offset_high"),
        ("gps2", "error_bound_high"),
    }


@pytest.mark.parametrize("days", [5, 40])
def test_chart_when_an_alert_was_not_open_in_it_then_left_out(
    hosts: FlaskClient, conn: Connection, days: int
) -> None:
    began_at = BEGAN_AT - timedelta(days=days)
    add_alert(conn, AlertRow(host="gps1", state="closed", began_at=began_at))

    assert marks(hosts, "host=gps1") == []


def test_chart_when_there_were_many_alerts_then_the_first_of_them_and_said_so(
    hosts: FlaskClient, conn: Connection
) -> None:
    for minutes in range(MAX_MARKS + 1):
        began_at = BEGAN_AT - timedelta(minutes=minutes)
        add_alert(conn, AlertRow(host="gps1", state="closed", began_at=began_at))

    answer = hosts.get("/api/offset?host=gps1").json
    assert (len(answer["alerts"]), answer["more_alerts"]) == (MAX_MARKS, True)
    newest = answer["alerts"][0]
    assert newest["from"] == int(OPENED_AT.timestamp())


def test_overview_when_a_host_has_open_alerts_then_the_worst_with_a_link_and_how_many(
    hosts: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="gps1", code="few_sources", severity="warning"))
    add_alert(conn, AlertRow(host="gps1"))
    add_alert(conn, AlertRow(host="gps2", state="closed"))

    page = hosts.get("/").text

    assert page.count('class="open-alert"') == 1
    path = hosts.get("/api/alerts").json["alerts"][0]["event_id"]
    assert f'<a href="/alerts/{path}">critical alert<span class="unseen"> on offset high' in page
    assert ", +1 more" in page


def test_overview_when_an_alert_is_taken_on_then_by_whom(
    hosts: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="gps1", acknowledged_by="ada"))

    assert ", acknowledged by <bdi>ada</bdi>" in hosts.get("/").text


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (
            "host=gps1&from=1700000000&to=1700003600",
            "host=gps1&amp;from=1700000000&amp;to=1700003600",
        ),
        ("from=1700000000", "from=1700000000"),
        ("range=14d&from=1&to=2", "from=1&amp;to=2"),
        ("range=14d&host=gps1", "host=gps1&amp;range=14d"),
    ],
)
def test_overview_when_given_a_time_then_the_charts_figures_are_of_it(
    hosts: FlaskClient, given: str, asked: str
) -> None:
    assert f'<a href="/api/offset?{asked}">' in hosts.get(f"/?{given}").text


def test_overview_when_given_a_time_then_a_range_takes_its_place(hosts: FlaskClient) -> None:
    page = hosts.get("/?host=gps1&from=1700000000&to=1700003600").text

    assert 'href="/?range=14d&amp;host=gps1#offset"' in page
    assert 'href="/?host=gps1#offset"' in page
    assert 'id="offset-times" hidden' not in page
