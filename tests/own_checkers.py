"""A checker put together as the product does, whose rounds about itself are taken one by one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ntp_checker.checker import Checker
from ntp_checker.config import load_settings
from ntp_checker.own_watch import OwnWatch
from ntp_checker.rules.own import OwnLimits
from ntp_checker.service import open_checker
from tests.stored_samples import Conn

#: What waits at all has waited too long.
IMPATIENT = OwnLimits(spool_age_s=0.0, outbox_age_s=0.0, channel_refused_s=0.0)


@asynccontextmanager
async def opened(
    url: str, folder: Path, *, file: str = "", environ: Mapping[str, str] | None = None
) -> AsyncIterator[Checker]:
    """Registered, with one host `h` unless `environ` says otherwise; `file` is its YAML."""
    settings_file = folder / "settings.yaml"
    settings_file.write_text(file)
    settings = load_settings(
        {
            "NTP_CHECKER_DATA_DIR": str(folder / "data"),
            "NTP_CHECKER_CONFIG": str(settings_file),
            "NTP_CHECKER_HOSTS": "h",
            **(environ or {}),
        }
    )
    async with open_checker(settings, url) as checker:
        await checker.register()
        yield checker


async def rounds(watch: OwnWatch, number: int) -> None:
    """Takes so many."""
    for _ in range(number):
        await watch.take_round()


def history(conn: Conn) -> list[tuple[Any, ...]]:
    """Code and kind of each transition of an alert on the checker itself."""
    return conn.execute(
        "SELECT code, transition FROM metrics.alert_event WHERE host_id = 0"
        " ORDER BY slot_at, ordinal"
    ).fetchall()
