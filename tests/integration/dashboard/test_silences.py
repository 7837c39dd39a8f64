"""Silences as people and programs make, see and end them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql
from werkzeug.test import TestResponse

from tests.alert_rows import AlertRow, add_alert
from tests.fleet_rows import FleetHost, add_host

Connection = psycopg.Connection[tuple[Any, ...]]
NOW = datetime.now(UTC).replace(microsecond=0)
GIVEN = {"host": "gps1", "by": "ada", "reason": "new antenna", "for": "2h"}


class Silences:
    """The page with its forms, and the API beside it."""

    def __init__(self, client: FlaskClient, conn: Connection) -> None:
        self.client = client
        self.conn = conn
        add_host(conn, FleetHost(name="gps1"))

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get("/silences").text)
        assert found is not None
        return found[1]

    def send(self, path: str = "/silences", **fields: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token(), **fields})

    def post(self, path: str, body: Any) -> TestResponse:
        return self.client.post(path, json=body, headers={"X-CSRFToken": self.token()})

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/api/silences").json["silences"]
        return found

    def kept(self, *columns: str) -> tuple[Any, ...] | None:
        """These columns of the only silence; None if there is none."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns or ("silence_id",)))
        return self.conn.execute(sql.SQL("SELECT {} FROM metrics.silence").format(names)).fetchone()


@pytest.fixture
def silences(client: FlaskClient, conn: Connection) -> Silences:
    return Silences(client, conn)


def test_silence_when_made_by_the_form_then_shown_in_force(silences: Silences) -> None:
    answer = silences.send(**GIVEN)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/silences#silence-1")
    assert int(answer.headers.get("Content-Length", 0)) == len(answer.data)
    text = silences.client.get("/silences").text
    assert "1 silence holds now" in text
    assert "all problems of gps1" in text


def test_silence_when_made_by_the_form_with_moments_then_they_are_utc(silences: Silences) -> None:
    times = {"starts_at": "2027-03-01T01:00", "ends_at": "2027-03-01T03:30", "for": ""}
    silences.send(**{**GIVEN, **times})

    assert silences.kept("starts_at", "ends_at") == (
        datetime(2027, 3, 1, 1, 0, tzinfo=UTC),
        datetime(2027, 3, 1, 3, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        (
            {"repeat": "weekly", "repeat_until": "2099-12-31"},
            "FREQ=WEEKLY;UNTIL=20991231T235959",
        ),
        ({"recurrence": "FREQ=DAILY;COUNT=3"}, "FREQ=DAILY;COUNT=3"),
    ],
)
def test_silence_when_it_is_to_recur_then_kept_as_a_rule(
    silences: Silences, chosen: dict[str, str], rule: str
) -> None:
    answer = silences.send(**GIVEN, time_zone="Europe/Zurich", **chosen)

    assert answer.status_code == 303, answer.text
    assert silences.kept("recurrence", "time_zone") == (rule, "Europe/Zurich")
    assert f"{rule}, by the clock of Europe/Zurich" in silences.client.get("/silences").text


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"for": ""}, "ends_at", "an end is required"),
        ({"for": "2h", "ends_at": "2099-01-01T00:00"}, "ends_at", "an end is required"),
        ({"for": "400d"}, "ends_at", "366 days at most"),
        ({"reason": ""}, "reason", "say why"),
        ({"by": ""}, "by", "say who you are"),
        ({"host": ""}, "host", "say what is to be silent"),
        ({"host": "gsp1"}, "host", "there is no host"),
        ({"host": "", "group": "rof"}, "group", "no host is in a group"),
        ({"code": "offset"}, "code", "there is no problem"),
        ({"everything": "on"}, "everything", "leave one out"),
        ({"starts_at": "soon"}, "starts_at", "is no moment"),
        ({"repeat": "weekly"}, "repeat_until", "until which day"),
        ({"recurrence": "FREQ=WEEKLY", "time_zone": "UTC"}, "recurrence", "needs an end"),
        ({"recurrence": "FREQ=WEEKLY;COUNT=2"}, "time_zone", "whose wall clock"),
        (
            {"recurrence": "FREQ=WEEKLY;COUNT=2", "time_zone": "Mars/Base"},
            "time_zone",
            "no time zone",
        ),
    ],
)
def test_form_when_something_is_wrong_then_said_at_its_field_and_the_rest_is_kept(
    silences: Silences, changed: dict[str, str], field: str, told: str
) -> None:
    answer = silences.send(**{**GIVEN, "subject": "kept", **changed})

    assert answer.status_code == 400
    wrong = re.search(rf'id="create-{field}-wrong" role="alert">([^<]+)<', answer.text)
    assert wrong is not None, re.findall(r'role="alert">[^<]+<', answer.text)
    assert told in wrong[1]
    assert 'value="kept"' in answer.text
    assert silences.kept() is None


def test_silence_when_ended_by_the_form_then_over_and_by_whom(silences: Silences) -> None:
    silences.send(**GIVEN)

    answer = silences.send("/silences/1/expire", by="bob")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/silences")
    text = silences.client.get("/silences").text
    assert "Nothing is silent now" in text
    assert "ended by bob" in text


def test_silence_when_ended_twice_then_the_second_is_told(silences: Silences) -> None:
    silences.send(**GIVEN)
    silences.send("/silences/1/expire", by="bob")

    answer = silences.send("/silences/1/expire", by="eve")

    assert answer.status_code == 400
    assert "silence 1 is over already" in answer.text


@pytest.mark.parametrize("path", ["/silences/1/expire", "/api/silences/1/expire"])
def test_silence_when_a_link_is_followed_then_it_holds_still(silences: Silences, path: str) -> None:
    silences.send(**GIVEN)

    assert silences.client.get(path).status_code == 405
    assert silences.kept("cancelled_at") == (None,)


def test_api_when_a_silence_is_made_and_ended_then_listed_with_its_state(
    silences: Silences,
) -> None:
    starts_at, ends_at = NOW - timedelta(minutes=1), NOW + timedelta(hours=1)
    body = {**GIVEN, "for": None, "code": "offset_high"}
    times = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}

    made = silences.post("/api/silences", {**body, **times})
    (one,) = silences.listed()
    ended = silences.post("/api/silences/1/expire", {"by": "bob"})

    assert (made.status_code, made.json) == (201, {"silence_id": 1})
    assert (one["state"], one["host"], one["code"]) == ("active", "gps1", "offset_high")
    assert one["ends_at"] == ends_at.isoformat().replace("+00:00", "Z")
    assert ended.status_code == 200
    assert [one["state"] for one in silences.listed()] == ["expired"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "told"),
    [
        ("/api/silences", {**GIVEN, "reason": ""}, 400, "bad_argument", "reason: say why"),
        ("/api/silences", {**GIVEN, "why": "x"}, 400, "bad_argument", "'why' is no argument"),
        ("/api/silences", {**GIVEN, "host": 7}, 400, "bad_argument", "host is a text"),
        ("/api/silences", {**GIVEN, "host": "\0"}, 400, "bad_argument", "what is to be silent"),
        ("/api/silences", {**GIVEN, "host": "a\0"}, 400, "bad_argument", "there is no host 'a'"),
        ("/api/silences", {**GIVEN, "subject": "a" * 256}, 400, "bad_argument", "at most 255"),
        (
            "/api/silences",
            {**GIVEN, "time_zone": "\0", "recurrence": "FREQ=DAILY;COUNT=2"},
            400,
            "bad_argument",
            "no time zone",
        ),
        ("/api/silences", [], 400, "bad_argument", "the body is a JSON object"),
        (
            "/api/silences",
            {**GIVEN, "for": None, "ends_at": "2099-01-01T00:00"},
            400,
            "bad_argument",
            "needs a zone",
        ),
        ("/api/silences/9/expire", {"by": "bob"}, 404, "not_found", "there is no silence 9"),
        (f"/api/silences/{2**70}/expire", {"by": "bob"}, 404, "not_found", "there is no"),
        ("/api/alerts/9/acknowledge", {"by": "bob"}, 404, "not_found", "there is no alert 9"),
        (f"/api/alerts/{2**70}/acknowledge", {"by": "b"}, 404, "not_found", "there is no"),
        ("/api/alerts/9/unacknowledge", {"by": "bob"}, 404, "not_found", "there is no alert 9"),
        (f"/api/alerts/{2**70}/unacknowledge", {"by": "b"}, 404, "not_found", "there is no"),
        ("/api/alerts/9/unacknowledge", {}, 400, "bad_argument", "say who you are"),
        ("/api/alerts/9/unacknowledge", {"note": "x"}, 400, "bad_argument", "'note'"),
    ],
)
def test_api_when_it_can_not_be_done_then_the_error_says_why(
    silences: Silences, path: str, body: object, status: int, code: str, told: str
) -> None:
    answer = silences.post(path, body)

    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert told in answer.json["error"]["message"]
    assert silences.kept() is None


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"{", "application/json", "no JSON"),
        (b'{"by": "\\ud800"}', "application/json", "no JSON"),
        (b"by=eve", "application/x-www-form-urlencoded", "the body is JSON"),
    ],
)
def test_api_when_the_body_is_none_then_said(
    silences: Silences, body: bytes, content_type: str, told: str
) -> None:
    answer = silences.client.post(
        "/api/silences",
        data=body,
        content_type=content_type,
        headers={"X-CSRFToken": silences.token()},
    )

    assert answer.status_code == 400
    assert told in answer.json["error"]["message"]


def test_api_when_an_alert_is_acknowledged_then_the_list_says_by_whom(
    silences: Silences, conn: Connection
) -> None:
    alert_id = add_alert(conn, AlertRow(host="gps1"))
    until = (NOW + timedelta(hours=8)).isoformat()

    answer = silences.post(
        f"/api/alerts/{alert_id}/acknowledge", {"by": "ada", "note": "on it", "until": until}
    )

    assert answer.status_code == 200, answer.text
    (one,) = silences.client.get("/api/alerts").json["alerts"]
    assert (one["acknowledged"]["by"], one["acknowledged"]["note"]) == ("ada", "on it")


def test_api_when_an_alert_is_given_back_then_once(silences: Silences, conn: Connection) -> None:
    alert_id = add_alert(conn, AlertRow(host="gps1", acknowledged_by="ada"))

    done, again = (
        silences.post(f"/api/alerts/{alert_id}/unacknowledge", {"by": "bob"}) for _ in range(2)
    )

    assert (done.status_code, done.json["alert_id"]) == (200, alert_id)
    assert (again.status_code, again.json["error"]["code"]) == (409, "refused")
    page = silences.client.get("/alerts").text
    assert 'class="taken"' not in page
    assert "given back by bob" in silences.client.get(f"/alerts/{done.json['event_id']}").text


def test_api_when_the_alert_is_closed_then_409(silences: Silences, conn: Connection) -> None:
    alert_id = add_alert(conn, AlertRow(host="gps1", state="closed"))

    answer = silences.post(f"/api/alerts/{alert_id}/acknowledge", {"by": "ada"})

    assert (answer.status_code, answer.json["error"]["code"]) == (409, "refused")


def test_page_when_an_argument_is_wrong_then_says_which(quiet_client: FlaskClient) -> None:
    assert quiet_client.get("/silences?page=0").status_code == 400
    assert quiet_client.get("/api/silences?pages=1").status_code == 400


def test_page_when_nothing_can_be_changed_then_it_has_no_forms(quiet_client: FlaskClient) -> None:
    text = quiet_client.get("/silences").text

    assert "Nothing is silent now" in text
    assert "<form" not in text
