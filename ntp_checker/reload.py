"""New settings taken over by a running checker."""

import asyncio

import structlog

from ntp_checker.checker import Checker, hosts_to_watch
from ntp_checker.config import FOLLOWED_SECRETS, Settings, SettingsFile
from ntp_checker.errors import ConfigError
from ntp_checker.maintenance import run_maintenance
from ntp_checker.watch import Watch

log = structlog.get_logger()

#: What a running checker can't change under itself, or what the dashboard has read at its start.
NEEDS_RESTART = (
    "database_url",
    "database_read_url",
    "embedded",
    "data_dir",
    "spool_max_mib",
    "listen",
    "metrics_listen",
    "public_url",
    "auth",
    "auth_none_anywhere",
    "users",
    "secret_key",
    "log_level",
    "channels",
    "ses_from",
    "ses_to",
)


#: Where secrets that are read again are read from.
PATHS = tuple(f"{name}_path" for name in FOLLOWED_SECRETS)


async def follow_settings(
    checker: Checker, watch: Watch, file: SettingsFile, stop: asyncio.Event
) -> None:
    """Runs the maintenance by the settings in force, and takes over new ones. Never ends."""
    while True:
        settings = checker.settings
        async with asyncio.TaskGroup() as group:
            maintenance = group.create_task(
                run_maintenance(
                    checker.pool,
                    stop,
                    retention_days=settings.retention_days,
                    premake_days=settings.premake_days,
                    archive_days=settings.archive_days,
                    on_done=checker.metrics.maintained,
                )
            )
            while _days(settings) == _days(checker.settings):
                new = await file.changed(checker.metrics.settings_refused)
                await take_over(new, checker, watch)
            maintenance.cancel()


async def take_over(new: Settings, checker: Checker, watch: Watch) -> None:
    """Afterwards these settings are in force, but for those that need a restart, which are named.

    What can't be done, such as a key that can't be read, leaves everything as it was.
    """
    old = checker.settings
    changed = [
        name
        for name in type(new).model_fields
        if name not in PATHS and _value(new, name) != _value(old, name)
    ]
    later = [name for name in changed if name in NEEDS_RESTART and not _is_followed(name, old, new)]
    if "channels" in later and "routes" in changed:
        # The new ones may lead to channels that nobody serves before the restart.
        later.append("routes")
    if later:
        log.warning("settings changed that take effect at the next start only", settings=later)
        kept = [name for name in (*later, *PATHS) if name.removesuffix("_path") in later]
        new = new.model_copy(update={name: getattr(old, name) for name in kept})
    hosts = hosts_to_watch(new)
    before = {host.name for host in checker.hosts}
    after = {host.name for host in hosts}
    try:
        await watch.follow(new, hosts, lambda: checker.change(new, hosts))
    except ConfigError as error:
        log.error(  # noqa: TRY400 - the text says all
            "settings refused, the last good ones stay in force", mistakes=[str(error)]
        )
        checker.metrics.settings_refused()
        return
    checker.metrics.settings_taken()
    log.info(
        "new settings are in force",
        settings=[name for name in changed if name not in later],
        hosts=len(hosts),
        added=sorted(after - before),
        removed=sorted(before - after),
    )


def _value(settings: Settings, name: str) -> tuple[object, object]:
    """With where it is read from, if it is read again."""
    return getattr(settings, name), _path(settings, name)


def _path(settings: Settings, name: str) -> object:
    return getattr(settings, f"{name}_path") if name in FOLLOWED_SECRETS else None


def _is_followed(name: str, old: Settings, new: Settings) -> bool:
    """True if it is from the same file still, which each new connection reads by itself."""
    return _path(old, name) is not None and _path(new, name) == _path(old, name)


def _days(settings: Settings) -> tuple[int, ...]:
    """What the maintenance goes by."""
    return settings.retention_days, settings.premake_days, settings.archive_days
