"""`ntp-checker user …` and `ntp-checker token …`: who may use the dashboard and its API."""

import getpass
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ntp_checker.config import load_settings
from ntp_checker.errors import ConfigError, NtpCheckerError
from ntp_checker.logs import configure_logging
from ntp_checker.model import Scope

if TYPE_CHECKING:  # psycopg takes a moment, which commands without a database need not wait for
    from ntp_checker.store.pool import ActConnection
    from ntp_checker.store.tokens import TokenShown

_SCOPES = click.Choice([scope.value for scope in Scope])
#: Into a pipe or a file no line is broken.
_UNBOUND_WIDTH = 1_000
_LIMIT_S = 10.0


@click.group()
def user() -> None:
    """People who sign in to the dashboard with a password."""


@user.command("hash")
@click.argument("name", required=False)
@click.option(
    "--role", type=_SCOPES, default=Scope.READ.value, show_default=True, help="What NAME may do."
)
def hash_of_user(name: str | None, role: str) -> None:
    """Ask for a password and print its hash; with NAME, the whole line for NTP_CHECKER_USERS.

    Nothing is stored.
    """
    from ntp_checker.config.users import USER_NAME
    from ntp_checker.passwords import MIN_PASSWORD_CHARS, hash_password

    if name is not None and not re.fullmatch(USER_NAME, name):
        raise ConfigError(f"{name!r} is no user's name: use letters, digits and _ . @ + -")
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(password) < MIN_PASSWORD_CHARS:
        raise ConfigError(f"a password has {MIN_PASSWORD_CHARS} characters at least")
    password_hash = hash_password(password)
    click.echo(password_hash if name is None else f"{name}:{role}:{password_hash}")


@click.group()
def token() -> None:
    """Keys with which programs use the API."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope", type=_SCOPES, default=Scope.READ.value, show_default=True, help="What it may do."
)
@click.option("--days", type=click.IntRange(1, 36_500), help="It ends after them; else never.")
def create_token(name: str, scope: str, days: int | None) -> None:
    """Make a token and print it, this once: only its SHA-256 is kept.

    For `Authorization: Bearer …`. With scope act it may also acknowledge and silence.
    """
    from ntp_checker.config.users import USER_NAME
    from ntp_checker.store.tokens import add_token

    if not re.fullmatch(USER_NAME, name):
        raise ConfigError(f"{name!r} is no token's name: use letters, digits and _ . @ + -")
    with _connection() as connection:
        secret = add_token(
            connection, name=name, scope=Scope(scope), created_by=_account(), days=days
        )
    if secret is None:
        raise NtpCheckerError(
            f"there is a token {name!r} already, in force or revoked: take another name"
        )
    click.echo(secret)


@token.command("list")
def list_tokens() -> None:
    """All tokens, those that can't be used any more among them."""
    from ntp_checker.store.tokens import read_tokens

    with _connection() as connection:
        found = read_tokens(connection)
    if not found:
        click.echo("there is no token: `ntp-checker token create NAME` makes one")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("NAME", "SCOPE", "STATE", "MADE", "BY", "LAST USED"):
        table.add_column(heading, overflow="fold")
    for one in found:
        cells = (one.name, one.scope.value, _state(one), _day(one.created_at), one.created_by)
        table.add_row(*map(Text, cells), Text(_moment(one.last_used_at)))
    Console(width=None if sys.stdout.isatty() else _UNBOUND_WIDTH).print(table)


@token.command("revoke")
@click.argument("name")
def end_token(name: str) -> None:
    """End a token at once, for good."""
    from ntp_checker.store.tokens import revoke_token

    with _connection() as connection:
        is_revoked = revoke_token(connection, name)
    if not is_revoked:
        raise NtpCheckerError(f"there is no token {name!r} in force")
    click.echo(f"{name}: revoked")


@contextmanager
def _connection() -> Iterator["ActConnection"]:
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


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's account may have a number only
        return f"uid {os.getuid()}"


def _state(one: "TokenShown") -> str:
    if one.revoked_at is not None:
        return f"revoked {_day(one.revoked_at)}"
    if one.expires_at is None:
        return "in force"
    return f"{'ended' if one.is_over else 'until'} {_moment(one.expires_at)}"


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
