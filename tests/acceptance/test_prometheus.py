"""A real Prometheus over a live run: it scrapes, a rig host goes wrong, a rule fires, and ends."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Service, settings_for, wait_for_page
from tests.postgres import PostgresServer
from tests.prometheus_server import PrometheusServer
from tests.rig import Rig, RigHost
from tests.rig.parts import find_part
from tests.rig.processes import free_tcp_port, wait_until
from tests.scrapes import read

WAIT_S = 110.0
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture
def host(rig_host: Callable[..., RigHost]) -> RigHost:
    return rig_host("watched")


@pytest.fixture
def targets(
    rig: Rig, host: RigHost, postgres: PostgresServer, database: str, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Checker and dashboard are running; their metrics' addresses by name."""
    listen = {name: f"127.0.0.1:{free_tcp_port('127.0.0.1')}" for name in ("monitor", "dashboard")}
    settings = settings_for(
        rig.env(),
        tmp_path,
        DATABASE_URL=postgres.url(database),
        NTP_CHECKER_HOSTS=host.target,
    )
    own = {
        name: {**settings, "NTP_CHECKER_METRICS_LISTEN": address}
        for name, address in listen.items()
    }
    with (
        Service("monitor", settings=own["monitor"]) as monitor,
        Service("dashboard", settings=own["dashboard"]) as dashboard,
    ):
        wait_for_page(dashboard, "/readyz")
        wait_until(
            lambda: "ntp_checker_host_offset_seconds{" in metrics(listen["monitor"]),
            "the host is told",
            timeout_s=WAIT_S,
        )
        yield listen
        assert monitor.is_running


def metrics(address: str) -> str:
    status, body = read(f"http://{address}/metrics")
    assert status == 200
    return body.decode()


@pytest.mark.timeout(600)
def test_rule_when_a_host_goes_wrong_then_it_fires_and_falls_silent_when_it_is_right(
    targets: dict[str, str], host: RigHost
) -> None:
    with PrometheusServer(targets) as prometheus:
        up = {"monitor": ("up", ""), "dashboard": ("up", "")}
        wait_until(lambda: prometheus.targets() == up, "both are scraped", timeout_s=WAIT_S)
        wait_until(lambda: not prometheus.unhealthy_rules(), "rules run", timeout_s=WAIT_S)
        wait_until(lambda: not prometheus.alerts(), "all is well", timeout_s=WAIT_S)
        began_s = time.monotonic()
        host.change_clock_offset(0.25)
        alert = wait_until(
            lambda: prometheus.firing("NtpHostOffsetHigh"), "it fires", timeout_s=WAIT_S
        )
        fired_s = time.monotonic() - began_s
        began_s = time.monotonic()
        host.change_clock_offset(0.0)
        wait_until(lambda: not prometheus.alerts(), "it is silent", timeout_s=WAIT_S)
        print(f"fires {fired_s:.1f} s after the step, silent {time.monotonic() - began_s:.1f} s on")

    assert alert["labels"]["severity"] == "critical"
    assert alert["labels"]["host"] == host.address
    assert re.fullmatch(
        r"The clock is off by 2[45]\d\.?\d*ms, positive = ahead\.",
        alert["annotations"]["description"],
    )


@pytest.mark.timeout(300)
def test_scrape_of_both_when_promtool_reads_it_then_no_word(targets: dict[str, str]) -> None:
    for address in targets.values():
        linted = subprocess.run(
            [find_part("promtool"), "check", "metrics"],
            input=metrics(address).encode(),
            capture_output=True,
        )
        assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")


@pytest.mark.timeout(300)
def test_metric_when_rules_or_panels_name_it_then_a_real_scrape_has_it(
    targets: dict[str, str],
) -> None:
    families = {
        name
        for address in targets.values()
        for name in re.findall(r"^# TYPE (\w+) ", metrics(address), re.MULTILINE)
    }
    grafana = json.loads((DEPLOY / "grafana/ntp-checker.json").read_text(encoding="utf-8"))
    text = (DEPLOY / "prometheus/rules.yaml").read_text(encoding="utf-8") + json.dumps(grafana)
    named = set(re.findall(r"\bntp_checker_\w+", text))

    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= families
