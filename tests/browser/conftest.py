"""Chromium on the real dashboard over a real PostgreSQL; pictures go to tests/browser/screenshots/."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ntp_checker.resources import sql_path
from tests.dashboard import DashboardProcess
from tests.fleet_rows import (
    FleetHost,
    add_host,
    gps_report,
    make_partitions,
    problem,
    put_samples,
    wandering_offsets,
)
from tests.postgres import PostgresServer
from tests.rig.parts import find_part

SCREENSHOTS = Path(__file__).parent / "screenshots"
SCRIPT_NAME = "<script>alert(1)</script>"
LIMIT_MS = 20_000
_numbers = count(1)

Connection = psycopg.Connection[tuple[Any, ...]]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def fleet_url(postgres: PostgresServer) -> str:
    """A database with a mixed fleet and 15 days of one of its hosts."""
    url = _make_database(postgres)
    with psycopg.connect(url) as connection:
        _fill(connection)
    return url


@pytest.fixture
def empty_url(postgres: PostgresServer) -> str:
    """A database with the schema and nothing in it."""
    return _make_database(postgres)


@pytest.fixture(scope="session")
def fleet(fleet_url: str) -> Iterator[DashboardProcess]:
    with DashboardProcess(fleet_url) as dashboard:
        yield dashboard


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: as long as it lives, Playwright's loop runs, and no other can."""
    # Chromium's own sandbox cannot be had as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(find_part("chromium")), args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages; afterwards none may have logged anything or broken the CSP."""
    contexts: list[BrowserContext] = []
    messages: list[str] = []

    def open_it(url: str, *, expected: str | None = None, **context: Any) -> Page:
        contexts.append(browser.new_context(**context))
        contexts[-1].set_default_timeout(LIMIT_MS)
        page = contexts[-1].new_page()
        page.on(
            "console",
            lambda said: None if expected and expected in said.text else messages.append(said.text),
        )
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert messages == []


def _make_database(postgres: PostgresServer) -> str:
    name = f"browser_{next(_numbers)}"
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[call-overload]  # our own name
    made = postgres.psql(name, "-f", sql_path("schema.sql"))
    assert made.returncode == 0, made.stderr
    return postgres.url(name)


def _fill(connection: Connection) -> None:
    now_at = datetime.now(UTC)
    make_partitions(connection, now_at - timedelta(days=15))
    for number, host in enumerate(_hosts()):
        host_id = add_host(connection, host)
        is_long = host.name == "edge-00"
        if host.age_s is not None and host.status != "unknown":
            offsets = wandering_offsets(
                until_at=now_at,
                length=timedelta(days=15 if is_long else 1),
                interval_s=300 if is_long else 60,
                size_s=(2e-5, 5e-5, 1e-4)[number % 3],
                seed=number,
            )
            put_samples(connection, host_id, offsets)


def _hosts() -> list[FleetHost]:
    """Ages are negative so that a slow run does not make the good ones stale."""
    ahead = problem("offset_high", "clock is 250 ms ahead, limit 50 ms")
    bound = problem("error_bound_high", "error bound is 250 ms, limit 100 ms", "warning")
    behind = problem("offset_high", "clock is 11.4 ms behind, limit 10 ms", "warning")
    refused = problem("host_unreachable", "no SSH session: connection refused, 203.0.113.7 port 22")
    unset = problem("unsynchronised", "the clock is not set: <b>Not synchronised</b>")
    good = [
        FleetHost(
            name=f"edge-{number:02d}",
            age_s=number - 1000.0,
            offset_s=(-1) ** number * number * 3.1e-6,
            error_bound_s=4e-4 + number * 6e-5,
            source="PPS" if number % 4 == 0 else f"192.0.2.{number}",
            stratum=1 if number % 4 == 0 else 2,
            gps=gps_report("fix_3d", 9, 16) if number % 4 == 0 else None,
        )
        for number in range(12)
    ]
    return [
        *good,
        FleetHost(
            name="fra-ntp-01",
            status="critical",
            age_s=-1000.0,
            offset_s=0.25,
            error_bound_s=0.2503,
            problems=[ahead, bound],
        ),
        FleetHost(
            name="ams-ntp-02",
            status="warning",
            age_s=-1000.0,
            offset_s=-11.4e-3,
            error_bound_s=14.1e-3,
            reach=0o17,
            problems=[behind],
        ),
        FleetHost(
            name="lon-ntp-03",
            status="unknown",
            age_s=-1000.0,
            offset_s=None,
            error_bound_s=None,
            source=None,
            problems=[refused],
        ),
        FleetHost(
            name=SCRIPT_NAME,
            status="critical",
            age_s=-1000.0,
            offset_s=0.0,
            error_bound_s=None,
            stratum=0,
            source=None,
            problems=[unset],
        ),
        FleetHost(name="nyc-ntp-01", age_s=1400.0),
        FleetHost(name="new-host", age_s=None),
    ]
