"""Debian's Prometheus with our rules, as a process of its own on loopback."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from tests.rig.parts import find_part
from tests.rig.processes import Daemon, Reaper, free_tcp_port
from tests.scrapes import read

_RULES = Path(__file__).resolve().parents[1] / "deploy/prometheus/rules.yaml"
#: Instead of the minutes that a rule waits with real intervals.
_HOLD = "2s"


class PrometheusServer:
    """Scrapes `targets` (job -> address) and evaluates the rules each second."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._reaper = Reaper()
        folder = self._reaper.folder
        self.url = f"http://127.0.0.1:{free_tcp_port('127.0.0.1')}"
        rules = _RULES.read_text(encoding="utf-8")
        (folder / "rules.yaml").write_text(re.sub(r"for: \w+", f"for: {_HOLD}", rules))
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yaml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]}
                for job, address in targets.items()
            ],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._daemon = Daemon(
            "prometheus",
            [
                find_part("prometheus"),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            log_path=folder / "prometheus.log",
            reaper=self._reaper,
        )
        try:
            said = "Server is ready to receive web requests"
            self._daemon.wait_ready(lambda: said in self._daemon.log(), "it is ready", timeout_s=90)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it and removes its folder."""
        self._daemon.stop()
        self._reaper.close()

    def targets(self) -> dict[str, tuple[str, str]]:
        """By job: health and the last error."""
        found = self._ask("targets?state=active")["activeTargets"]
        return {one["labels"]["job"]: (one["health"], one["lastError"]) for one in found}

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing."""
        found: list[dict[str, Any]] = self._ask("alerts")["alerts"]
        return found

    def firing(self, name: str) -> dict[str, Any] | None:
        """The alert of this name, if it is firing."""
        return next(
            (
                alert
                for alert in self.alerts()
                if alert["labels"]["alertname"] == name and alert["state"] == "firing"
            ),
            None,
        )

    def unhealthy_rules(self) -> list[str]:
        """Rules that could not be evaluated, or were not yet."""
        groups = self._ask("rules")["groups"]
        return [
            f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}"
            for group in groups
            for rule in group["rules"]
            if rule["health"] != "ok"
        ]

    def _ask(self, path: str) -> dict[str, Any]:
        status, body = read(f"{self.url}/api/v1/{path}")
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)["data"]
        return answer
