"""One alert's own page: it shows all, and changes something only by its forms."""

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ntp_checker.model import AlertState
from tests.alert_rows import BEGAN_AT, AlertRow, NoticeRow, add_alert
from tests.fleet_rows import FleetHost, add_host

Connection = psycopg.Connection[tuple[Any, ...]]
HOSTILE = "<script>alert(1)</script>"


class AlertPage:
    """An alert's page with its forms."""

    def __init__(self, client: FlaskClient, conn: Connection, row: AlertRow) -> None:
        self.client = client
        self.conn = conn
        add_host(conn, FleetHost(name=row.host))
        conn.execute("UPDATE metrics.host SET group_name = 'roof' WHERE host_id > 0")
        suppressed = NoticeRow(
            channel="chat", state="suppressed", error="silence 3 of bob: <b>x</b>"
        )
        self.alert_id = add_alert(conn, row, NoticeRow(), suppressed)
        found = conn.execute("SELECT event_id FROM metrics.alert_event").fetchone()
        assert found is not None
        self.path = f"/alerts/{found[0]}"

    def read(self) -> str:
        answer = self.client.get(self.path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, form: str, **fields: str) -> TestResponse:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.read())
        assert token is not None
        return self.client.post(f"{self.path}/{form}", data={"csrf_token": token[1], **fields})

    def state(self) -> tuple[Any, ...]:
        found = self.conn.execute(
            "SELECT acknowledged_by, acknowledged_note, acknowledged_until_at IS NOT NULL,"
            " (SELECT count(*) FROM metrics.silence), (SELECT count(*) FROM metrics.alert_event)"
            " FROM metrics.alert"
        ).fetchone()
        assert found is not None
        return found


UNCHANGED = (None, None, False, 0, 1)


@pytest.fixture
def page(client: FlaskClient, conn: Connection) -> AlertPage:
    return AlertPage(client, conn, AlertRow(host="gps1"))


def test_page_when_read_then_value_and_who_was_told_by_what(page: AlertPage) -> None:
    text = page.read()

    assert "gps1</bdi>: offset high" in text
    assert "300\N{NARROW NO-BREAK SPACE}ms, limit 50.0\N{NARROW NO-BREAK SPACE}ms" in text
    assert "mail: accepted" in text
    assert "chat: suppressed (silence 3 of bob: &lt;b&gt;x&lt;/b&gt;)" in text


def test_page_when_something_changed_just_before_then_says_what_newest_first(
    page: AlertPage, conn: Connection
) -> None:
    opened_at = BEGAN_AT + timedelta(minutes=1)
    for ago_min, config in ((600, '{"role": "server"}'), (9, '{"role": "isolated"}')):
        conn.execute(
            "INSERT INTO metrics.host_config SELECT host_id, %s, %s FROM metrics.host"
            " WHERE host_id > 0",
            (opened_at - timedelta(minutes=ago_min), config),
        )
    for ago_min, address in ((61, "long.ago"), (2, "<b>x</b>"), (-1, "since.then")):
        conn.execute(
            "INSERT INTO metrics.source_change (host_id, slot_at, mode, address, present, state,"
            " reach, reach_class, stratum)"
            " SELECT host_id, %s, 0, %s, true, 4, 255, 2, 2 FROM metrics.host WHERE host_id > 0",
            (opened_at - timedelta(minutes=ago_min), address),
        )
    conn.commit()

    (found,) = re.findall(r'<ul class="changes">(.*?)</ul>', page.read(), re.DOTALL)
    assert re.findall(r"<bdi>(.*?)</bdi>", found) == [
        (
            f"{opened_at - timedelta(minutes=2):%H:%M:%S} &lt;b&gt;x&lt;/b&gt; is falseticker,"
            " answers its polls"
        ),
        f"{opened_at - timedelta(minutes=9):%H:%M:%S} setting role is isolated, was server",
    ]


def test_page_when_nothing_changed_just_before_then_says_nothing(page: AlertPage) -> None:
    assert "What changed" not in page.read()


def test_page_when_read_then_links_to_the_chart_at_that_time(page: AlertPage) -> None:
    found = re.search(r'href="/\?host=gps1&amp;from=(\d+)&amp;to=(\d+)#offset"', page.read())

    assert found is not None
    assert int(found[1]) == int((BEGAN_AT - timedelta(hours=1)).timestamp())


def test_page_when_read_then_links_to_its_entry_of_the_runbook(page: AlertPage) -> None:
    (name,) = re.findall(r'href="/runbook#(\w+)"', page.read())

    assert f'id="{name}"' in page.client.get("/runbook").text


def test_alert_when_given_back_by_the_form_then_it_can_be_taken_on_again(page: AlertPage) -> None:
    before = page.read()
    page.send("acknowledge", by="ada")
    taken_on = page.read()
    answer = page.send("unacknowledge", by="bob")
    after = page.read()

    assert answer.status_code == 303
    assert [text.count("Give back</button>") for text in (before, taken_on, after)] == [0, 1, 0]
    assert "given back by bob, reminders go on" in after
    assert ", which is past" in after


def test_alert_when_nobody_has_it_then_the_form_says_so(page: AlertPage) -> None:
    answer = page.send("unacknowledge", by="bob")

    assert answer.status_code == 400
    assert "nobody has offset_high" in answer.text
    assert page.state() == UNCHANGED


@pytest.mark.parametrize("suffix", ["", "/acknowledge", "/unacknowledge", "/silence"])
def test_page_when_a_scanner_follows_links_then_nothing_changes(
    page: AlertPage, suffix: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = page.client.open(f"{page.path}{suffix}", method=method)
        assert answer.status_code == (405 if suffix else 200)

    assert page.state() == UNCHANGED


def test_page_when_there_is_no_such_alert_then_404(quiet_client: FlaskClient) -> None:
    for path in ("/alerts/00000000-0000-0000-0000-000000000000", "/alerts/x"):
        assert quiet_client.get(path).status_code == 404


def test_alert_when_acknowledged_by_the_form_then_seen_on_its_page_and_the_list(
    page: AlertPage,
) -> None:
    answer = page.send("acknowledge", by="ada", note="on my way", **{"for": "8h"})

    assert (answer.status_code, answer.headers["Location"]) == (303, page.path)
    assert page.state() == ("ada", "on my way", True, 0, 2)
    text = page.read()
    assert "acknowledged by ada until" in text
    assert "taken on by ada until" in text
    assert "acknowledged by ada until" in page.client.get("/alerts").text


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("problem", ("gps1", None, "offset_high")),
        ("host", ("gps1", None, None)),
        ("group", (None, "roof", None)),
    ],
)
def test_alert_when_silenced_by_the_form_then_of_what_was_chosen_and_said_so(
    page: AlertPage, scope: str, expected: tuple[str | None, ...]
) -> None:
    answer = page.send("silence", scope=scope, by="ada", reason="new antenna", **{"for": "2h"})

    assert (answer.status_code, answer.headers["Location"]) == (303, page.path)
    kept = page.conn.execute(
        "SELECT host.name, silence.group_name, silence.code FROM metrics.silence"
        " LEFT JOIN metrics.host ON host.host_id = silence.host_id"
    ).fetchone()
    assert kept == expected
    assert "of <bdi>ada</bdi>, <bdi>new antenna</bdi>" in page.read()


@pytest.mark.parametrize(
    ("form", "fields", "told"),
    [
        ("acknowledge", {"by": "", "note": "kept"}, "say who you are"),
        ("acknowledge", {"by": "ada", "note": "kept", "for": "soon"}, "no length of time"),
        ("silence", {"by": "kept", "reason": "", "scope": "host", "for": "2h"}, "say why"),
        ("silence", {"by": "kept", "reason": "x", "scope": "host"}, "an end is required"),
        ("silence", {"by": "kept", "reason": "x", "scope": "all", "for": "2h"}, "choose what"),
    ],
)
def test_form_when_something_is_wrong_then_said_there_and_what_was_typed_is_kept(
    page: AlertPage, form: str, fields: dict[str, str], told: str
) -> None:
    answer = page.send(form, **fields)

    assert answer.status_code == 400
    assert told in answer.text
    assert 'value="kept"' in answer.text
    assert page.state() == UNCHANGED


def test_alert_when_it_closed_meanwhile_then_said_and_no_form_is_left(page: AlertPage) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.read())
    assert token is not None
    page.conn.execute(
        "UPDATE metrics.alert SET state = %s, closed_at = last_slot_at", (AlertState.CLOSED,)
    )

    answer = page.client.post(
        f"{page.path}/acknowledge", data={"csrf_token": token[1], "by": "ada"}
    )

    assert answer.status_code == 400
    assert "only an open alert is acknowledged" in answer.text
    assert "csrf_token" not in answer.text


@pytest.mark.parametrize("form", ["acknowledge", "unacknowledge", "silence"])
def test_form_when_its_token_is_not_ours_then_nothing_changes(page: AlertPage, form: str) -> None:
    fields = {"by": "eve", "reason": "x", "scope": "host", "for": "2h"}
    answer = page.client.post(f"{page.path}/{form}", data=fields)

    assert answer.status_code == 400
    assert page.state() == UNCHANGED


def test_words_when_hostile_then_only_text_on_every_page(
    client: FlaskClient, conn: Connection
) -> None:
    page = AlertPage(client, conn, AlertRow(host=HOSTILE, reason=HOSTILE))
    page.send("acknowledge", by=HOSTILE, note=HOSTILE)
    page.send("silence", scope="host", by=HOSTILE, reason=HOSTILE, **{"for": "2h"})

    for path in (page.path, "/alerts", "/silences", "/"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
    refused = page.send("acknowledge", by="", note=f'"{HOSTILE}')
    assert "<script>alert" not in refused.text


def test_csv_when_a_note_begins_as_a_formula_then_it_is_text(page: AlertPage) -> None:
    page.send("acknowledge", by="=ada", note="=HYPERLINK(1)")

    text = page.client.get("/api/alerts.csv").text
    assert "'=HYPERLINK(1)" in text
    assert ",'=ada," in text


def test_alert_when_it_is_of_the_checker_itself_then_silenced_by_its_problem_alone(
    client: FlaskClient, conn: Connection
) -> None:
    add_alert(conn, AlertRow(host="*", code="spool_backlog", subject="replica-1"))
    path = client.get("/api/alerts").json["alerts"][0]["event_id"]
    page = client.get(f"/alerts/{path}")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    fields = {"csrf_token": token[1], "by": "ada", "reason": "x", "for": "2h", "scope": "problem"}

    answer = client.post(f"/alerts/{path}/silence", data=fields)

    assert "NTP Checker</bdi>: spool backlog (replica-1)" in page.text
    assert answer.status_code == 303
    kept = conn.execute("SELECT host_id, code, subject FROM metrics.silence").fetchone()
    assert kept == (None, "spool_backlog", "replica-1")
