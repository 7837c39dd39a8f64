"""`ntp-checker alerts …`: the alerts from a terminal, and a try of a channel."""

import asyncio
import os
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ntp_checker.cli_silences import ack, say_minute, silence, silences, unack, unsilence
from ntp_checker.config import load_settings
from ntp_checker.errors import ConfigError, SendError, SendErrorKind
from ntp_checker.logs import configure_logging
from ntp_checker.model import AlertState

if TYPE_CHECKING:  # the store is imported by the commands that need it: it takes a while
    from ntp_checker.store.alert_reads import AlertShown

_STYLES = {"critical": "bold red", "warning": "yellow"}
#: Alerts on a terminal, unless more are asked for.
SHOWN = 200
#: How long the database may take.
_LIMIT_S = 30.0
#: Into a pipe or a file no line is broken.
_UNBOUND_WIDTH = 1_000


_REFUSALS = {
    SendErrorKind.RETRY: "not accepted now, which may pass in seconds or minutes",
    SendErrorKind.NEXT_CHANNEL: "not accepted until somebody puts it right, or for hours",
    SendErrorKind.PERMANENT: "not accepted, nor will it be if it is sent again",
    SendErrorKind.OWN_CLOCK: "not accepted, because this machine's clock is wrong",
}


def say_refusal(error: SendError) -> str:
    """What a channel that was tried has against it, and whether that passes."""
    return f"{_REFUSALS[error.kind]}: {error.detail}"


@click.group()
def alerts() -> None:
    """What is open, who has it, and whether people would hear of it."""


for _command in (ack, unack, silence, silences, unsilence):
    alerts.add_command(_command)


@alerts.command("list")
@click.option("--all", "state", flag_value="all", help="Closed ones, too.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=SHOWN,
    show_default=True,
    metavar="NUMBER",
    help="Show so many at most.",
)
def list_alerts(state: str | None, limit: int) -> None:
    """The open alerts, worst first."""
    from ntp_checker.service import database
    from ntp_checker.store.alert_reads import AlertFilter, read_numbered, read_numbers
    from ntp_checker.store.pool import open_reader_pool
    from ntp_checker.store.reads import read_clock, reading

    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    wanted = AlertFilter(state=None if state == "all" else AlertState.OPEN)
    with (
        database(settings) as url,
        open_reader_pool(url, max_size=1) as pool,
        reading(pool, limit_s=_LIMIT_S) as connection,
    ):
        numbers = read_numbers(connection, wanted)
        now_at = read_clock(connection)
        found = read_numbered(connection, numbers[:limit], now_at)
    if not found:
        click.echo("no alert is open" if state is None else "there was never an alert")
        return
    Console(width=None if sys.stdout.isatty() else _UNBOUND_WIDTH).print(_table(found, now_at))
    if len(numbers) > limit:
        # Beside the table, whose lines are alerts also to a program.
        click.echo(
            f"{len(numbers) - limit} more: --limit {len(numbers)} shows them all,"
            " as do /alerts and its CSV on the dashboard",
            err=True,
        )


def _table(found: Sequence["AlertShown"], now_at: datetime) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (
        "NO.",
        "STATE",
        "HOST",
        "PROBLEM",
        "OPENED",
        "TAKEN ON BY",
        "SILENT UNTIL",
        "REASON",
    ):
        table.add_column(heading, overflow="fold")
    for alert in found:
        is_open = alert.state is AlertState.OPEN
        word = alert.severity.value if is_open else "closed"
        # Text, not str: what a host prints must not be taken for markup.
        taken_on, silent_at = alert.taken_on_at(now_at), alert.silenced_until_at
        table.add_row(
            str(alert.alert_id),
            Text(word.upper(), style=_STYLES[alert.severity] if is_open else "dim"),
            Text(alert.host),
            Text(f"{alert.code} {alert.subject}".strip()),
            Text(f"{alert.opened_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
            Text("" if taken_on is None else taken_on.by),
            Text("" if silent_at is None else say_minute(silent_at)),
            Text(alert.reason),
        )
    return table


@alerts.command("test")
@click.argument("channel")
def test_channel(channel: str) -> None:
    """Send one message by CHANNEL, now; says what the provider answered."""
    from ntp_checker.message import compose_trial
    from ntp_checker.telling import open_channels

    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    known = open_channels(settings)
    if channel not in known:
        names = ", ".join(sorted(known)) or "none: set NTP_CHECKER_SES_FROM and NTP_CHECKER_SES_TO"
        raise ConfigError(f"there is no channel {channel!r}; configured: {names}")
    message = compose_trial(
        channel,
        public_url=settings.public_url,
        now=datetime.now(UTC),
        message_id=uuid.uuid4(),
    )
    answer = asyncio.run(known[channel].send(message))
    to = ", ".join(known[channel].recipients)
    click.echo(f"{channel}: accepted{f' for {to}' if to else ''}: {answer}")
