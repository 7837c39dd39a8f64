"""Alerts as people and programs get them."""

import csv
import io
import re
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from ntp_checker.web.format import format_iso, format_moment
from tests.alert_rows import BEGAN_AT, AlertRow, NoticeRow, add_alert
from tests.fleet_rows import FleetHost, add_host

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def alerts(client: FlaskClient, conn: Connection) -> FlaskClient:
    """Four alerts of two hosts."""
    for name in ("gps1", "gps2"):
        add_host(conn, FleetHost(name=name))
    add_alert(
        conn,
        AlertRow(
            host="gps1",
            acknowledged_by="ada",
            note="on it",
            last_good_at=BEGAN_AT - timedelta(seconds=30),
        ),
        NoticeRow(),
        NoticeRow(channel="chat", state="given_up", error="account suspended"),
    )
    add_alert(
        conn,
        AlertRow(host="gps2", code="falseticker", subject="192.0.2.7", severity="warning", unit=""),
    )
    add_alert(conn, AlertRow(host="gps2", state="closed", began_at=BEGAN_AT - timedelta(days=3)))
    add_alert(conn, AlertRow(host="gps1", code="stratum_high", state="pending"))
    return client


def found(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/alerts{query}")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json["alerts"]
    return listed


def keys(client: FlaskClient, query: str = "") -> list[tuple[str, str, str]]:
    return [(one["host"], one["code"], one["state"]) for one in found(client, query)]


def test_page_when_an_alert_is_on_the_checker_then_it_is_named_and_leads_to_no_chart(
    client: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="*", code="channel_dead", subject="hook", unit=""))

    page = client.get("/alerts").text

    assert "channel dead (hook)" in page
    assert "NTP Checker</th>" in page
    assert "/?host=*" not in page
    assert "/?host=%2A" not in page


def test_alerts_when_listed_then_open_ones_first_and_worst_first_and_no_pending_ones(
    alerts: FlaskClient,
) -> None:
    assert keys(alerts) == [
        ("gps1", "offset_high", "open"),
        ("gps2", "falseticker", "open"),
        ("gps2", "offset_high", "closed"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=closed", [("gps2", "offset_high", "closed")]),
        ("?severity=warning", [("gps2", "falseticker", "open")]),
        ("?host=gps1", [("gps1", "offset_high", "open")]),
        ("?code=falseticker", [("gps2", "falseticker", "open")]),
        ("?group=roof", []),
        ("?limit=1&page=2", [("gps2", "falseticker", "open")]),
    ],
)
def test_alerts_when_filtered_then_only_those(
    alerts: FlaskClient, query: str, expected: list[tuple[str, str, str]]
) -> None:
    assert keys(alerts, query) == expected


def test_alerts_when_a_time_is_given_then_those_that_were_open_in_it(alerts: FlaskClient) -> None:
    from_s, to_s = ((BEGAN_AT - timedelta(days=days)).timestamp() for days in (4, 2))

    assert keys(alerts, f"?from={from_s:.0f}&to={to_s:.0f}") == [("gps2", "offset_high", "closed")]
    assert len(found(alerts, f"?from={to_s:.0f}")) == 2


def test_alert_when_listed_then_has_who_was_told_and_what_came_of_it(alerts: FlaskClient) -> None:
    one = found(alerts)[0]

    assert (one["peak_value"], one["limit"], one["unit"]) == (0.3, 0.05, "s")
    assert one["acknowledged"]["by"] == "ada"
    assert [(notice["channel"], notice["state"], notice["error"]) for notice in one["notices"]] == [
        ("chat", "given_up", "account suspended"),
        ("mail", "accepted", None),
    ]
    assert one["notices"][1]["recipients"] == ["ops@example.org"]


def test_alert_when_listed_then_says_when_it_was_last_good(alerts: FlaskClient) -> None:
    moments = [one["last_good_slot_at"] for one in found(alerts)]

    assert moments == [f"{BEGAN_AT - timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}", None, None]


_SILENCE = (
    "INSERT INTO metrics.silence (host_id, code, starts_at, ends_at, recurrence, time_zone, reason,"
    " created_by) SELECT host_id, %s, %s, %s, %s, %s, 'new antenna', 'ada'"
    " FROM metrics.host WHERE name = 'gps2'"
)
ENDS_AT = BEGAN_AT + timedelta(days=1)


def silence(
    conn: Connection,
    ends_at: datetime = ENDS_AT,
    code: str | None = None,
    starts_at: datetime = BEGAN_AT,
    recurrence: str | None = None,
) -> None:
    """One of gps2, from two hours ago unless said otherwise."""
    zone = recurrence and "UTC"
    conn.execute(_SILENCE, (code, starts_at, ends_at, recurrence, zone))
    conn.commit()


def silent_until(client: FlaskClient) -> list[str | None]:
    return [one["silenced_until_at"] for one in found(client)]


def test_alert_when_a_silence_covers_it_then_says_until_when(
    alerts: FlaskClient, conn: Connection
) -> None:
    silence(conn, code="falseticker")

    assert silent_until(alerts) == [None, f"{ENDS_AT:%Y-%m-%dT%H:%M:%SZ}", None]


def test_alert_when_two_silences_cover_it_then_the_later_end(
    alerts: FlaskClient, conn: Connection
) -> None:
    silence(conn, ENDS_AT - timedelta(hours=1))
    silence(conn)
    silence(conn, ENDS_AT - timedelta(hours=2))

    assert silent_until(alerts)[1] == f"{ENDS_AT:%Y-%m-%dT%H:%M:%SZ}"


def test_alert_when_a_silence_recurs_then_until_the_end_of_its_present_time(
    alerts: FlaskClient, conn: Connection
) -> None:
    ago = timedelta(days=2)
    silence(conn, ENDS_AT - ago - timedelta(hours=12), None, BEGAN_AT - ago, "FREQ=DAILY;COUNT=9")

    ends_at = ENDS_AT - timedelta(hours=12)
    assert silent_until(alerts)[1] == f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    "silence_of",
    [
        {"code": "stratum_high"},
        {"ends_at": BEGAN_AT + timedelta(hours=1)},
        {"starts_at": ENDS_AT - timedelta(hours=1)},
    ],
    ids=["another code", "over", "to come"],
)
def test_alert_when_no_silence_covers_it_now_then_it_is_not_silent(
    alerts: FlaskClient, conn: Connection, silence_of: dict[str, Any]
) -> None:
    silence(conn, **silence_of)

    assert silent_until(alerts) == [None, None, None]


def test_page_when_a_silence_covers_an_alert_then_marked_there(
    alerts: FlaskClient, conn: Connection
) -> None:
    silence(conn)

    page = alerts.get("/alerts").text

    assert page.count("silent until") == 1
    assert f"silent until {format_moment(ENDS_AT)}" in page


def test_csv_when_a_silence_covers_an_alert_then_has_its_end(
    alerts: FlaskClient, conn: Connection
) -> None:
    silence(conn)

    rows = csv.DictReader(io.StringIO(alerts.get("/api/alerts.csv").text))

    assert [row["silenced_until_at"] for row in rows] == ["", format_iso(ENDS_AT), ""]


@pytest.mark.parametrize(("query", "has_more"), [("?limit=2", True), ("?limit=3", False)])
def test_alerts_when_there_is_another_page_then_said(
    alerts: FlaskClient, query: str, has_more: bool
) -> None:
    assert alerts.get(f"/api/alerts{query}").json["has_more"] is has_more


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?state=pending", "state is one of open, closed"),
        ("?severity=info", "severity is one of warning, critical"),
        ("?code=x", "code is one of unsynchronised"),
        ("?limit=0", "limit is a number from 1 to 1000"),
        ("?page=99999", "page is a number from 1 to 10000"),
        ("?from=yesterday", "from is neither epoch seconds nor ISO 8601"),
        ("?hots=gps1", "'hots' is no argument here"),
        ("?host=a&host=b", "host is given more than once"),
    ],
)
def test_argument_when_wrong_then_named(quiet_client: FlaskClient, query: str, told: str) -> None:
    answer = quiet_client.get(f"/api/alerts{query}")

    assert answer.status_code == 400
    assert told in answer.json["error"]["message"]


def test_csv_when_read_then_the_same_alerts(alerts: FlaskClient) -> None:
    answer = alerts.get("/api/alerts.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.content_type == "text/csv; charset=utf-8"
    assert [(row["host"], row["code"]) for row in rows] == [key[:2] for key in keys(alerts)]
    assert rows[0]["acknowledged_by"] == "ada"
    assert "opened to mail: accepted" in rows[0]["notices"]
    assert rows[2]["length_s"] == "1860.0"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
def test_csv_when_a_text_begins_as_a_formula_then_it_is_text(
    client: FlaskClient, conn: Connection, begin: str
) -> None:
    add_host(conn, FleetHost(name="a"))
    add_alert(conn, AlertRow(host="a", reason=f"{begin}HYPERLINK(1)"))

    (row,) = csv.DictReader(io.StringIO(client.get("/api/alerts.csv").text))

    assert row["reason"] == f"'{begin}HYPERLINK(1)"


def test_page_when_there_are_alerts_then_open_and_closed_apart(alerts: FlaskClient) -> None:
    page = alerts.get("/alerts").text
    opened, closed = page.split('id="closed-title"')

    assert "2 alerts are open" in opened
    assert "falseticker (192.0.2.7)" in opened
    assert "acknowledged by ada: on it" in opened
    assert "opened to chat: given up (account suspended)" in opened
    assert "offset high" in closed


def test_page_when_an_alert_is_open_then_leads_to_its_entry_of_the_runbook(
    alerts: FlaskClient,
) -> None:
    opened, closed = alerts.get("/alerts").text.split('id="closed-title"')

    assert re.findall(r'href="/runbook#(\w+)"', opened) == ["offset_high", "falseticker"]
    assert "/runbook#" not in closed


def test_page_when_a_reason_is_hostile_then_only_text(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="a"))
    add_alert(conn, AlertRow(host="a", reason="<script>alert(1)</script>"))

    page = client.get("/alerts").text

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_page_when_there_was_never_one_then_says_when_there_will_be(
    quiet_client: FlaskClient,
) -> None:
    page = quiet_client.get("/alerts").text

    assert "No alerts are open" in page
    assert "three looks in a row" in page


def test_page_when_nothing_matches_then_says_so(alerts: FlaskClient) -> None:
    assert "No alert matches." in alerts.get("/alerts?host=nobody").text


def test_page_when_an_argument_is_wrong_then_says_which(quiet_client: FlaskClient) -> None:
    answer = quiet_client.get("/alerts?severity=info")

    assert answer.status_code == 400
    assert "severity is one of warning, critical" in answer.text
