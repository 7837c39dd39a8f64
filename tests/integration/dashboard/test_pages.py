"""The overview and its files, as the server sends them."""

import gzip
from typing import Any

import psycopg
from flask.testing import FlaskClient

from tests.fleet_rows import FleetHost, add_host, gps_report, problem

Connection = psycopg.Connection[tuple[Any, ...]]


def test_page_when_a_host_is_named_like_a_script_then_only_text(
    client: FlaskClient, conn: Connection
) -> None:
    evil = "<script>alert(1)</script>"
    add_host(conn, FleetHost(name=evil, problems=[problem("x", '"><img src=x onerror=alert(2)>')]))

    page = client.get("/", query_string={"q": evil, "host": evil}).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "<img" not in page


def test_page_when_filtered_then_only_those_rows(client: FlaskClient, conn: Connection) -> None:
    add_host(conn, FleetHost(name="good-one"))
    add_host(conn, FleetHost(name="bad-one", status="critical"))

    page = client.get("/?state=critical").text

    assert 'data-host="bad-one"' in page
    assert 'data-host="good-one"' not in page
    assert "1 of 2 hosts needs attention" in page


def test_page_when_there_is_no_host_then_the_next_command(quiet_client: FlaskClient) -> None:
    page = quiet_client.get("/").text

    assert "NTP_CHECKER_HOSTS=user@host make run" in page
    assert "ntp-checker trust user@host" in page


def test_page_when_a_sample_is_stale_then_no_green_row(
    client: FlaskClient, conn: Connection
) -> None:
    add_host(conn, FleetHost(name="a", age_s=1000.0))

    page = client.get("/").text

    assert 'class="s-stale"' in page
    assert 'class="s-ok"' not in page
    assert "is the checker (ntp-checker monitor) running?" in page


def test_page_when_the_clock_is_not_set_then_no_offset_is_shown(
    client: FlaskClient, conn: Connection
) -> None:
    unset = FleetHost(name="a", status="critical", offset_s=0.0, error_bound_s=None)
    add_host(conn, unset)

    assert "0\u202fns" not in client.get("/").text


def test_overview_when_50_hosts_then_all_assets_within_60_kb(
    client: FlaskClient, conn: Connection
) -> None:
    for number in range(50):
        text = f"clock is {number}.3 ms ahead, limit 10 ms"
        add_host(
            conn,
            FleetHost(
                name=f"edge-{number:02d}.example.net",
                status="warning",
                offset_s=number * 1.3e-3,
                source=f"192.0.2.{number}",
                gps=gps_report("fix_3d", 8, 16),
                problems=[problem("offset_high", text, "warning")],
            ),
        )
    packed = {"Accept-Encoding": "gzip"}
    app = client.application
    assets = app.extensions["ntp_checker"].assets
    paths = ["/", *map(assets.url, ("app.css", "app.js", "units.js", "chart.js", "icon.svg"))]

    answers = [client.get(path, headers=packed) for path in paths]

    assert [answer.status_code for answer in answers] == [200] * len(paths)
    assert sum(len(answer.data) for answer in answers) <= 60 * 1024


def test_static_file_when_asked_for_then_immutable_and_compressed(
    quiet_client: FlaskClient,
) -> None:
    url = quiet_client.application.extensions["ntp_checker"].assets.url("app.css")
    answer = quiet_client.get(url, headers={"Accept-Encoding": "gzip"})

    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == quiet_client.get(url).data


def test_theme_when_in_the_cookie_then_in_the_first_byte_of_the_page(client: FlaskClient) -> None:
    client.set_cookie("theme", "dark")

    assert '<html lang="en" data-theme="dark">' in client.get("/").text


def test_theme_when_the_cookie_is_hostile_then_auto(client: FlaskClient) -> None:
    client.set_cookie("theme", "dark onload=alert(1)")

    assert 'data-theme="auto"' in client.get("/").text
