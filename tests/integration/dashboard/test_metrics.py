"""What the dashboard counts, and its metrics' listener beside the real server."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client import generate_latest

from ntp_checker.resources import sql_path
from tests.acceptance.processes import Service, settings_for, wait_for_page
from tests.integration.dashboard.conftest import OpenApp
from tests.postgres import PostgresServer
from tests.rig.processes import free_tcp_port, wait_until
from tests.scrapes import read, series

Scrape = Callable[[], dict[str, float]]


def told(client: FlaskClient) -> dict[str, float]:
    registry = client.application.extensions["ntp_checker"].metrics.registry
    return series(generate_latest(registry).decode())


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/healthz", "health.healthz", "2xx"),
        ("/api/offset?range=1y", "api.offset", "4xx"),
        ("/wp-login.php", "none", "4xx"),
    ],
)
def test_request_when_answered_then_counted_by_route_and_status(
    client: FlaskClient, path: str, route: str, status: str
) -> None:
    client.get(path)
    name = f'ntp_checker_http_requests_total{{route="{route}",status="{status}"}}'

    assert told(client)[name] == 1


def test_request_when_refused_before_its_view_then_counted(client: FlaskClient) -> None:
    client.post("/healthz")

    assert told(client)['ntp_checker_http_requests_total{route="none",status="4xx"}'] == 1


def test_duration_when_answered_then_observed(client: FlaskClient) -> None:
    client.get("/healthz")
    name = 'ntp_checker_http_request_duration_seconds_count{route="health.healthz"}'

    assert told(client)[name] == 1


def test_chart_when_computed_then_counted(client: FlaskClient) -> None:
    client.get("/api/offset")

    assert told(client)['ntp_checker_charts_total{outcome="computed"}'] == 1


def test_pool_when_a_connection_is_used_then_in_use(open_app: OpenApp, database_url: str) -> None:
    client = open_app(database_url).test_client()
    pool = client.application.extensions["ntp_checker"].read_pool
    with pool.connection():
        assert told(client)['ntp_checker_database_connections{state="in_use"}'] == 1


@pytest.fixture
def settings(own_postgres: PostgresServer, tmp_path: Path) -> dict[str, str]:
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    return settings_for(
        {},
        tmp_path,
        DATABASE_URL=own_postgres.url(),
        NTP_CHECKER_METRICS_LISTEN=f"127.0.0.1:{free_tcp_port('127.0.0.1')}",
    )


def scrape(settings: dict[str, str]) -> dict[str, float]:
    status, body = read(f"http://{settings['NTP_CHECKER_METRICS_LISTEN']}/metrics")
    assert status == 200
    return series(body.decode())


def worker_of(dashboard: Service) -> str:
    children = Path(f"/proc/{dashboard.pid}/task/{dashboard.pid}/children")
    return children.read_text().strip()


def test_metrics_when_the_worker_is_killed_then_served_by_the_next(
    settings: dict[str, str],
) -> None:
    with Service("dashboard", settings=settings) as dashboard:
        wait_for_page(dashboard, "/healthz")
        killed = worker_of(dashboard)
        began = scrape(settings)["process_start_time_seconds"]
        os.kill(int(killed), signal.SIGKILL)
        wait_until(lambda: worker_of(dashboard) not in ("", killed), "another worker", timeout_s=60)

        assert scrape(settings)["process_start_time_seconds"] > began


def test_metrics_when_the_database_freezes_then_answered_and_it_is_not_reachable(
    settings: dict[str, str], own_postgres: PostgresServer
) -> None:
    with Service("dashboard", settings=settings) as dashboard:
        wait_for_page(dashboard, "/readyz")

        def reachable(value: int) -> bool:
            return scrape(settings).get("ntp_checker_database_reachable") == value

        wait_until(lambda: reachable(1), "the database is reached", timeout_s=60)
        own_postgres.freeze()
        try:
            wait_until(lambda: reachable(0), "the database is lost", timeout_s=60)
        finally:
            own_postgres.thaw()


def test_metrics_when_asked_on_the_public_port_then_404(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404
