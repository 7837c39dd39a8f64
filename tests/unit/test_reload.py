"""New settings in a running checker: what is taken over, and what waits for a restart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from ntp_checker.audiences import Alerting
from ntp_checker.checker import Checker
from ntp_checker.config import Settings, load_settings
from ntp_checker.model import Host
from ntp_checker.reload import take_over
from ntp_checker.telling import alerting_of, open_channels
from ntp_checker.watch import Watch

pytestmark = pytest.mark.asyncio

HOOK = "channels:\n  hook: {kind: webhook, url: 'https://a.example.net/x'}\n"
RENAMED = HOOK.replace("hook:", "hook2:")
MOVED = HOOK.replace("a.example.net", "b.example.net")
SECOND = f"{HOOK}  chat: {{kind: webhook, url: 'https://c.example.net/x'}}\n"
TO_HOOK = "routes:\n  - channels: [hook]\n"
CRITICAL_ONLY = f"{TO_HOOK}    severities: [critical]\n"


class _Metrics:
    def settings_taken(self) -> None:
        """Nobody counts here."""


class _Watch:
    async def follow(
        self, _settings: Settings, _hosts: tuple[Host, ...], then: Callable[[], None]
    ) -> None:
        then()


@dataclass
class _Checker:
    """What of a checker its settings change."""

    settings: Settings
    hosts: tuple[Host, ...] = ()
    metrics: _Metrics = field(default_factory=_Metrics)

    def change(self, settings: Settings, hosts: tuple[Host, ...]) -> None:
        self.settings, self.hosts = settings, hosts

    @property
    def alerting(self) -> Alerting:
        return alerting_of(self.settings, self.hosts)


async def taken_over(path: Path, *texts: str) -> tuple[_Checker, list[dict[str, Any]]]:
    """A checker started with the first file, that took over the others; and its warnings."""

    def read(text: str) -> Settings:
        path.write_text(f"hosts: [ntp1]\n{text}")
        return load_settings({"NTP_CHECKER_CONFIG": str(path), "HOME": str(path.parent)})

    first, *others = map(read, texts)
    checker = _Checker(first)
    with capture_logs() as logs:
        for settings in others:
            await take_over(settings, cast("Checker", checker), cast("Watch", _Watch()))
    return checker, [one for one in logs if one["log_level"] == "warning"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HOOK, RENAMED),
        (HOOK, SECOND),
        (HOOK + TO_HOOK, MOVED + CRITICAL_ONLY),
        (SECOND, HOOK),
        (HOOK, ""),
    ],
)
async def test_routes_when_channels_change_then_both_wait_for_a_restart(
    tmp_path: Path, before: str, after: str
) -> None:
    checker, warnings = await taken_over(tmp_path / "c.yaml", before, after)
    started, _ = await taken_over(tmp_path / "c.yaml", before)

    assert checker.settings.channels == started.settings.channels
    assert checker.alerting.routes == started.alerting.routes
    assert [(one["event"], one["settings"]) for one in warnings] == [
        ("settings changed that take effect at the next start only", ["channels", "routes"])
    ]


async def test_routes_when_channels_change_then_lead_to_served_ones_only(tmp_path: Path) -> None:
    served = open_channels((await taken_over(tmp_path / "c.yaml", HOOK))[0].settings)
    checker, _ = await taken_over(tmp_path / "c.yaml", HOOK, RENAMED, RENAMED + "limits: {}\n")

    assert {name for route in checker.alerting.routes for name in route.channels} == set(served)


async def test_routes_when_channels_are_the_same_then_change_at_once(tmp_path: Path) -> None:
    checker, warnings = await taken_over(tmp_path / "c.yaml", HOOK, HOOK + CRITICAL_ONLY)

    assert [len(route.severities) for route in checker.alerting.routes] == [1]
    assert warnings == []


async def test_routes_when_channels_are_as_at_the_start_again_then_change_at_once(
    tmp_path: Path,
) -> None:
    checker, _ = await taken_over(tmp_path / "c.yaml", HOOK, RENAMED, HOOK + CRITICAL_ONLY)

    assert [len(route.severities) for route in checker.alerting.routes] == [1]


async def test_routes_when_only_channels_change_then_the_warning_names_only_them(
    tmp_path: Path,
) -> None:
    _, warnings = await taken_over(tmp_path / "c.yaml", HOOK + TO_HOOK, MOVED + TO_HOOK)

    assert [one["settings"] for one in warnings] == [["channels"]]
