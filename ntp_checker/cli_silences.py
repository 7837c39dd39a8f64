"""`ntp-checker alerts ack`, `unack`, `silence`, `silences`, `unsilence`: what people do about alerts."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ntp_checker.config import load_settings
from ntp_checker.config.times import read_length, read_moment
from ntp_checker.logs import configure_logging
from ntp_checker.model import NewSilence, ProblemCode

if TYPE_CHECKING:  # the store is imported by the commands that need it: it takes a while
    from ntp_checker.store.actions import SilenceShown
    from ntp_checker.store.pool import ActConnection

#: Silences on a terminal; more are on the page.
MAX_ROWS = 200
#: How long the database may take.
_LIMIT_S = 15.0
#: Into a pipe or a file no line is broken.
_UNBOUND_WIDTH = 1_000
_UNTIL_HELP = "Remind again from then on: 2026-01-02T03:04Z."
_STYLES = {"active": "bold", "coming": "", "expired": "dim"}


def _length(text: str) -> timedelta:
    try:
        return read_length(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _moment(text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise click.UsageError(
            "nobody is logged in by a name: say who you are with --by"
        ) from error


def _by_option(command: Callable[..., None]) -> Callable[..., None]:
    option = click.option("--by", metavar="NAME", help="Who does it; default: the login name.")
    return option(command)


@click.command("ack")
@click.argument("alert_id", metavar="ALERT", type=click.IntRange(1, 2**63 - 1))
@click.option("--note", default="", metavar="TEXT", help="What others should know.")
@click.option("--until", "until_at", type=_moment, metavar="MOMENT", help=_UNTIL_HELP)
@click.option("--for", "length", type=_length, metavar="LENGTH", help="So long: 90min, 8h, 1d.")
@_by_option
def ack(
    alert_id: int, note: str, until_at: datetime | None, length: timedelta | None, by: str | None
) -> None:
    """Take on the open alert with the number ALERT, as `alerts list` shows it.

    It is not reminded of, until it gets worse.
    """
    from ntp_checker.store.actions import acknowledge
    from ntp_checker.store.reads import read_clock

    if until_at is not None and length is not None:
        raise click.UsageError("--until and --for contradict each other: leave one out")
    by = by or _login_name()
    with _acting() as connection:
        if length is not None:
            # By the clock that the end is held against, whatever this terminal's says.
            until_at = read_clock(connection) + length
        acknowledge(connection, alert_id, by=by, note=note, until_at=until_at)
    until = "" if until_at is None else f" until {say_minute(until_at)}"
    click.echo(f"alert {alert_id}: acknowledged by {by}{until}")


@click.command("unack")
@click.argument("alert_id", metavar="ALERT", type=click.IntRange(1, 2**63 - 1))
@_by_option
def unack(alert_id: int, by: str | None) -> None:
    """Give the alert with the number ALERT back: it is reminded of again."""
    from ntp_checker.store.actions import unacknowledge

    by = by or _login_name()
    with _acting() as connection:
        unacknowledge(connection, alert_id, by=by)
    click.echo(f"alert {alert_id}: given back by {by}")


@click.command("silence")
@click.option("--host", metavar="NAME", help="Only this host.")
@click.option("--group", metavar="NAME", help="Only this group of hosts.")
@click.option(
    "--code",
    type=click.Choice([code.value for code in ProblemCode]),
    metavar="CODE",
    help="Only this problem, as offset_high; `alerts list` shows it.",
)
@click.option("--subject", metavar="TEXT", help="Only this source, part or device.")
@click.option("--everything", is_flag=True, help="All hosts, all problems.")
@click.option("--for", "length", type=_length, metavar="LENGTH", help="How long: 90min, 2h, 1d.")
@click.option(
    "--until", "ends_at", type=_moment, metavar="MOMENT", help="Its end: 2026-01-02T03:04Z."
)
@click.option(
    "--from", "starts_at", type=_moment, metavar="MOMENT", help="Its start; default: now."
)
@click.option("--recurs", metavar="RULE", help="As FREQ=WEEKLY;BYDAY=SU;COUNT=10.")
@click.option("--zone", metavar="ZONE", help="Whose wall clock the rule means, as Europe/Zurich.")
@click.option(
    "--why", required=True, metavar="TEXT", help="For those who wonder why nobody was told."
)
@_by_option
def silence(
    host: str | None,
    group: str | None,
    code: str | None,
    subject: str | None,
    everything: bool,
    length: timedelta | None,
    ends_at: datetime | None,
    starts_at: datetime | None,
    recurs: str | None,
    zone: str | None,
    why: str,
    by: str | None,
) -> None:
    """Tell nobody for a while. An end (--for or --until) is required.

    Alerts open and close as ever; one that is still open at the end is told then.
    """
    from ntp_checker.store.actions import create_silence
    from ntp_checker.store.reads import read_clock

    if (length is None) is (ends_at is None):
        raise click.UsageError("an end is required: --for or --until, one of them")
    by = by or _login_name()
    with _acting() as connection:
        starts_at = starts_at or read_clock(connection)
        wanted = NewSilence(
            starts_at=starts_at,
            ends_at=ends_at if ends_at is not None else starts_at + (length or timedelta()),
            reason=why,
            created_by=by,
            host=host,
            group=group,
            code=None if code is None else ProblemCode(code),
            subject=subject,
            recurrence=recurs,
            time_zone=zone,
            is_for_everything=everything,
        )
        silence_id = create_silence(connection, wanted)
    click.echo(
        f"silence {silence_id}: from {say_minute(wanted.starts_at)} to {say_minute(wanted.ends_at)}"
    )


@click.command("silences")
@click.option("--all", "is_all", is_flag=True, help="Those that are over, too.")
def silences(is_all: bool) -> None:
    """The silences that hold, and those to come."""
    from ntp_checker.store.actions import SilenceState, list_silences
    from ntp_checker.store.reads import read_clock

    with _acting() as connection:
        # What is over comes last; one more than is shown tells whether there is another.
        found = list_silences(connection, read_clock(connection), limit=MAX_ROWS + 1)
    wanted = [one for one in found if is_all or one.state is not SilenceState.EXPIRED]
    shown = wanted[:MAX_ROWS]
    if not shown:
        click.echo("there was never a silence" if is_all else "no silence holds or is to come")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("NO.", "STATE", "WHAT", "FROM", "TO", "BY", "WHY"):
        table.add_column(heading, overflow="fold")
    for one in shown:
        # Text, not str: what a person wrote must not be taken for markup.
        table.add_row(
            str(one.silence_id),
            Text(one.state.value, style=_STYLES[one.state.value]),
            Text(_scope(one)),
            say_minute(one.now_from_at or one.starts_at),
            say_minute(one.now_to_at or one.ends_at),
            Text(one.created_by),
            Text(one.reason),
        )
    Console(width=None if sys.stdout.isatty() else _UNBOUND_WIDTH).print(table)
    if len(wanted) > MAX_ROWS:
        click.echo("there are more: /silences on the dashboard has them all", err=True)


@click.command("unsilence")
@click.argument("silence_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@_by_option
def unsilence(silence_id: int, by: str | None) -> None:
    """End the silence ID before its time, or before it begins."""
    from ntp_checker.store.actions import expire_silence

    with _acting() as connection:
        expire_silence(connection, silence_id, by=by or _login_name())
    click.echo(f"silence {silence_id}: ended")


@contextmanager
def _acting() -> Iterator["ActConnection"]:
    """A transaction in the configured database."""
    from ntp_checker.service import database
    from ntp_checker.store.acting import acting
    from ntp_checker.store.pool import open_act_pool

    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    with (
        database(settings) as url,
        open_act_pool(url, max_size=1) as pool,
        acting(pool, limit_s=_LIMIT_S) as connection,
    ):
        yield connection


def _scope(one: "SilenceShown") -> str:
    parts = (
        one.host,
        None if one.group is None else f"group {one.group}",
        one.code,
        one.subject,
        None if one.recurrence is None else f"({one.recurrence}, {one.time_zone})",
    )
    return " ".join(part for part in parts if part) or "everything"


def say_minute(moment_at: datetime) -> str:
    """`2026-01-02 03:04 UTC`."""
    return f"{moment_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
