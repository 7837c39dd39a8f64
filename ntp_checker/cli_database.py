"""`ntp-checker db`: the schema and its partitions, by hand."""

import os

import click

from ntp_checker.config import Settings, load_settings
from ntp_checker.errors import DatabaseAway
from ntp_checker.logs import configure_logging


@click.group()
def db() -> None:
    """The database's schema and partitions."""


@db.command("init")
def db_init() -> None:
    """Create the schema in an empty database; does nothing if it is there."""
    _migrate()


@db.command("migrate")
@click.option("--skip-if-away", is_flag=True, help="Exit 0 if the database can't be reached.")
def db_migrate(skip_if_away: bool) -> None:
    """Bring an older schema to this release's."""
    try:
        _migrate()
    except DatabaseAway as error:
        if not skip_if_away:
            raise
        click.echo(f"nothing migrated, {error}", err=True)


@db.command("maintain")
def db_maintain() -> None:
    """Make partitions ahead and drop those past NTP_CHECKER_RETENTION_DAYS."""
    from ntp_checker.service import run_maintenance_once

    outcomes = run_maintenance_once(_settings())
    for outcome in outcomes:
        click.echo(f"{outcome.partition} {outcome.action} {outcome.outcome}")


@db.command("status")
def db_status() -> None:
    """Say which version the schema has and which this release needs."""
    from ntp_checker.service import database
    from ntp_checker.store.migrate import connect, schema_status

    with database(_settings()) as url, connect(url) as connection:
        status = schema_status(connection)
    click.echo(f"schema version {status.version}, this release needs {status.wanted}")
    status.check()


def _migrate() -> None:
    from ntp_checker.service import database
    from ntp_checker.store.migrate import connect, migrate

    with database(_settings()) as url, connect(url) as connection:
        applied = migrate(connection)
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do")


def _settings() -> Settings:
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    return settings
