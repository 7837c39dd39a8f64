"""The checker's metrics and probes, as Prometheus and an orchestrator ask for them."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from ntp_checker.resources import sql_path
from tests.acceptance.commands import run
from tests.acceptance.processes import Service, settings_for
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.parts import find_part
from tests.rig.processes import free_tcp_port, wait_until
from tests.scrapes import read, series

WAIT_S = 90.0


@pytest.fixture
def database_url(own_postgres: PostgresServer) -> str:
    assert own_postgres.psql("postgres", "-f", sql_path("schema.sql")).returncode == 0
    return own_postgres.url()


@pytest.fixture
def settings(
    rig: Rig, rig_host: Callable[..., RigHost], database_url: str, tmp_path: Path
) -> dict[str, str]:
    return settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=database_url,
        NTP_CHECKER_HOSTS=rig_host("watched").target,
        NTP_CHECKER_METRICS_LISTEN=f"127.0.0.1:{free_tcp_port('127.0.0.1')}",
    )


@pytest.fixture
def monitor(settings: dict[str, str]) -> Iterator[Service]:
    with Service("monitor", settings=settings) as started:
        wait_until(lambda: probe(started, "/readyz") == 200, "it is ready", timeout_s=WAIT_S)
        yield started


def ask(monitor: Service, path: str) -> tuple[int, bytes]:
    listen = monitor.settings["NTP_CHECKER_METRICS_LISTEN"]
    return read(f"http://{listen}{path}", timeout_s=30.0)


def probe(monitor: Service, path: str) -> int | None:
    assert monitor.is_running, monitor.log
    with suppress(OSError):
        return ask(monitor, path)[0]
    return None


def scrape(monitor: Service) -> dict[str, float]:
    status, body = ask(monitor, "/metrics")
    assert status == 200
    return series(body.decode())


def value(monitor: Service, beginning: str) -> float | None:
    """Of the first series whose name and labels begin so."""
    return next((one for name, one in scrape(monitor).items() if name.startswith(beginning)), None)


def test_metrics_when_a_real_host_is_watched_then_its_offset_and_the_lint_is_clean(
    monitor: Service,
) -> None:
    wait_until(
        lambda: value(monitor, "ntp_checker_host_offset_seconds{") is not None,
        "the host is told",
        timeout_s=WAIT_S,
    )
    _, body = ask(monitor, "/metrics")
    linted = subprocess.run(
        [find_part("promtool"), "check", "metrics"], input=body, capture_output=True
    )

    assert abs(value(monitor, "ntp_checker_host_offset_seconds{") or 0.0) < 0.01
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, b"", b"")


def test_rows_when_written_then_counted(monitor: Service) -> None:
    wait_until(
        lambda: value(monitor, "ntp_checker_rows_written_total"),
        "rows are written",
        timeout_s=WAIT_S,
    )

    assert value(monitor, "ntp_checker_partitions_ahead") == 14


@pytest.mark.parametrize("way", ["freeze", "kill"])
def test_probes_when_the_database_is_away_then_alive_not_ready_and_metrics_go_on(
    monitor: Service, own_postgres: PostgresServer, way: str
) -> None:
    getattr(own_postgres, way)()
    wait_until(lambda: probe(monitor, "/readyz") == 503, "it is not ready", timeout_s=WAIT_S)
    looks = value(monitor, 'ntp_checker_looks_total{status="ok"}') or 0.0
    began_s = time.monotonic()
    alive, reachable = probe(monitor, "/healthz"), value(monitor, "ntp_checker_database_reachable")
    print(f"{way}: /healthz and /metrics in {(time.monotonic() - began_s) * 1000:.1f} ms")
    wait_until(
        lambda: (value(monitor, 'ntp_checker_looks_total{status="ok"}') or 0.0) > looks + 2,
        "looks go on",
        timeout_s=WAIT_S,
    )
    assert value(monitor, "ntp_checker_spool_oldest_age_seconds")
    own_postgres.thaw() if way == "freeze" else own_postgres.start()
    wait_until(lambda: probe(monitor, "/readyz") == 200, "it is ready again", timeout_s=WAIT_S)

    assert (alive, reachable) == (200, 0.0)


def test_probes_when_started_without_a_database_then_alive_and_not_ready(
    settings: dict[str, str], own_postgres: PostgresServer
) -> None:
    own_postgres.kill()
    with Service("monitor", settings=settings) as monitor:
        wait_until(lambda: probe(monitor, "/healthz") == 200, "it is alive", timeout_s=WAIT_S)

        assert probe(monitor, "/readyz") == 503


def test_port_when_it_is_taken_then_exit_2_and_the_setting_is_named(
    monitor: Service, settings: dict[str, str], tmp_path: Path
) -> None:
    second = {**settings, "NTP_CHECKER_DATA_DIR": str(tmp_path / "second")}

    done = run("monitor", settings=second)

    assert done.returncode == 2
    assert "NTP_CHECKER_METRICS_LISTEN: can't listen on" in done.stderr
    assert monitor.is_running


def test_settings_when_a_broken_file_is_refused_then_told(
    settings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text("hosts: []\n")
    of_file = {name: text for name, text in settings.items() if name != "NTP_CHECKER_HOSTS"}
    with Service("monitor", settings={**of_file, "NTP_CHECKER_CONFIG": str(file)}) as monitor:
        wait_until(lambda: probe(monitor, "/readyz") == 200, "it is ready", timeout_s=WAIT_S)
        before = value(monitor, "ntp_checker_config_last_reload_successful")
        file.write_text("hosts: [\n")
        wait_until(
            lambda: value(monitor, 'ntp_checker_config_reloads_total{outcome="refused"}') == 1,
            "it is refused",
            timeout_s=WAIT_S,
        )
        after = value(monitor, "ntp_checker_config_last_reload_successful")

    assert (before, after) == (1, 0)


def free_pair() -> int:
    """A free port whose next one is free, too."""

    def found() -> int | None:
        port = free_tcp_port("127.0.0.1")
        with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
            return port
        return None

    return wait_until(found, "two free ports side by side")


def test_up_when_an_address_is_given_then_the_dashboards_metrics_are_on_the_next_port(
    settings: dict[str, str],
) -> None:
    port = free_pair()
    given = {**settings, "NTP_CHECKER_METRICS_LISTEN": f"127.0.0.1:{port}"}

    def component(at: int) -> str | None:
        with suppress(OSError):
            _, body = read(f"http://127.0.0.1:{at}/metrics")
            found = re.search(r'ntp_checker_build_info{component="(\w+)"', body.decode())
            return found[1] if found else None
        return None

    with Service("up", settings=given):
        served = [
            wait_until(partial(component, at), f"port {at} is served", timeout_s=WAIT_S)
            for at in (port, port + 1)
        ]

    assert served == ["checker", "dashboard"]
