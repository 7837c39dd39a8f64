"""The console script `ntp-checker`. Parses arguments, prints, and turns errors into exit codes."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace

import click
import orjson
from rich.console import Console

from ntp_checker import __version__
from ntp_checker.cli_access import token, user
from ntp_checker.cli_alerts import alerts, say_refusal
from ntp_checker.cli_database import db
from ntp_checker.collect.failures import say_detail
from ntp_checker.collect.restricted import SCRIPT_PATH
from ntp_checker.config import (
    CONFIG_VARIABLE,
    Settings,
    SettingsFile,
    check_listen,
    check_sign_in,
    load_configuration,
    load_settings,
)
from ntp_checker.errors import (
    ConfigError,
    NtpCheckerError,
    ProbeError,
    SchemaMismatch,
    SendError,
)
from ntp_checker.logs import configure_logging
from ntp_checker.model import HasGps
from ntp_checker.targets import name_apart

#: Into a pipe or a file no line is broken.
UNBOUND_WIDTH = 1_000
EXIT_FAILED, EXIT_USAGE, EXIT_UNKNOWN = 1, 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ntp-checker")
def cli() -> None:
    """Watch NTP servers over SSH: is a clock right, and how wrong can it be at most."""


@cli.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.option("--gps", is_flag=True, help="Judge GPS even if gpspipe is not there.")
@click.option("--json", "is_json", is_flag=True, help="Print the samples as JSON.")
@click.option("--plugin", "is_plugin", is_flag=True, help="Print one line with perfdata.")
def check(targets: tuple[str, ...], gps: bool, is_json: bool, is_plugin: bool) -> None:
    """Look once at each TARGET: [user@]host[:port] or local. No database.

    Exit status: 0 ok, 1 warning, 2 critical, 3 unknown; the worst of all targets.
    """
    from ntp_checker.check import check_hosts
    from ntp_checker.report import EXIT_STATUS, as_json, as_plugin_line, as_text, overall_status

    if is_json and is_plugin:
        raise click.UsageError("--json and --plugin contradict each other: leave one out")
    settings = _settings()
    hosts = name_apart([settings.find_host(target) for target in targets])
    if gps:
        hosts = tuple(replace(host, has_gps=HasGps.YES) for host in hosts)
    checked = asyncio.run(check_hosts(hosts, settings))
    if is_json:
        click.echo(as_json(checked))
    elif is_plugin:
        click.echo(as_plugin_line(checked, {host.name: host.limits for host in hosts}))
    else:
        Console(width=None if sys.stdout.isatty() else UNBOUND_WIDTH).print(as_text(checked))
    sys.exit(EXIT_STATUS[overall_status(checked)])


@cli.command()
@click.option("--once", is_flag=True, help="One round over all hosts, stored; then exit.")
def monitor(once: bool) -> None:
    """Look at every host, again and again, and store what was seen."""
    from ntp_checker.service import run_monitor, run_monitor_once

    # Made before the file is read: what changes from now on is taken over.
    file = SettingsFile(os.environ)
    settings = _settings()
    if once:
        run_monitor_once(settings)
    else:
        run_monitor(settings, file)


@cli.command()
def dashboard() -> None:
    """Serve the pages and the API on NTP_CHECKER_LISTEN."""
    from ntp_checker.dashboard import run_dashboard

    run_dashboard(_settings())


@cli.command()
def up() -> None:
    """Checker, dashboard and, without DATABASE_URL, a PostgreSQL of our own: all in one."""
    from ntp_checker.up import run_up

    sys.exit(run_up(_settings()))


@cli.command()
@click.option("--days", type=click.FloatRange(0.02, 90.0), default=90.0, hidden=True)
@click.option("--seed", default="1", hidden=True)
def demo(days: float, seed: str) -> None:
    """As up, with twelve simulated hosts and 90 days of history; needs no real host."""
    from ntp_checker.demo.command import run_demo

    sys.exit(run_demo(_settings(), days=days, seed=seed))


@cli.command()
@click.argument("target")
@click.option("--fingerprint", help="Trust without asking if the key has this one (SHA256:…).")
def trust(target: str, fingerprint: str | None) -> None:
    """Show a host's key and, if you say so, write it to known_hosts."""
    from ntp_checker.collect.ssh_keys import fetch_host_key
    from ntp_checker.trust import known_lines, write_known_host

    settings = _settings()
    host = settings.find_host(target)
    if host.is_local:
        raise ConfigError("local needs no host key: nothing to trust")
    path = settings.ssh_known_hosts_path
    key = asyncio.run(fetch_host_key(host, path))
    click.echo(f"{host.target} shows {key.line.split()[1]} {key.fingerprint}")
    if fingerprint is not None and fingerprint != key.fingerprint:
        raise NtpCheckerError(f"{host.target} does not have the key {fingerprint}: nothing written")
    if key.known:
        click.echo(f"{path} has this key already")
        return
    if known_lines(path, host):
        click.secho(f"ANOTHER KEY for this host is in {path}.", bold=True)
        click.echo("The host was set up anew, or somebody stands between you and it.")
    question = "Compare it with `ssh-keygen -lf` on the host. Trust it from now on?"
    if fingerprint is None and not click.confirm(question):
        raise NtpCheckerError("not trusted, nothing written")
    write_known_host(path, host, key)
    click.echo(f"written to {path}")


@cli.command()
@click.option("--script", is_flag=True, help="Print only the script.")
@click.option("--line", is_flag=True, help="Print only the authorized_keys line.")
@click.option("--path", default=SCRIPT_PATH, show_default=True, help="Where the script will lie.")
def authorize(script: bool, line: bool, path: str) -> None:
    """Print what binds our key to reading reports: a script and an authorized_keys line."""
    from ntp_checker.collect.restricted import authorized_keys_line, forced_command_script
    from ntp_checker.collect.ssh_keys import load_public_key

    if script and line:
        raise click.UsageError("--script and --line: one of them, or neither for both texts")
    if script:  # is the same for every key
        click.echo(forced_command_script(), nl=False)
        return
    settings = _settings()
    key_line = authorized_keys_line(load_public_key(settings.ssh_key_path), path)
    if line:
        click.echo(key_line)
    else:
        click.echo(f"# 1. On the host, as root: this script in {path}, mode 755")
        click.echo(forced_command_script())
        click.echo("# 2. On the host: this line in ~/.ssh/authorized_keys of the account")
        click.echo(key_line)


@cli.group()
def config() -> None:
    """The settings: environment over the file named by NTP_CHECKER_CONFIG over defaults."""


@config.command("check")
@click.argument("file", required=False)
def config_check(file: str | None) -> None:
    """Name every mistake with its file, line and key, or say that there is none.

    FILE stands in for the one that NTP_CHECKER_CONFIG names.
    """
    settings = load_configuration(_environ_with(file)).settings
    check_listen(settings)
    try:
        check_sign_in(settings)
    except ConfigError as error:
        # No mistake of a checker's settings: the dashboard's may come from elsewhere.
        click.echo(f"a dashboard with these settings would not start: {error}", err=True)
    hosts = settings.hosts
    click.echo(f"ok, {len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}")


@config.command("show")
@click.argument("file", required=False)
def config_show(file: str | None) -> None:
    """Print the settings in force, where each is from, and what is special about each host."""
    from ntp_checker.config.show import show_lines

    click.echo("\n".join(show_lines(load_configuration(_environ_with(file)))))


@config.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    from ntp_checker.config.schema import file_schema

    click.echo(orjson.dumps(file_schema(), option=orjson.OPT_INDENT_2))


def _environ_with(file: str | None) -> Mapping[str, str]:
    return os.environ if file is None else {**os.environ, CONFIG_VARIABLE: file}


for commands in (alerts, db, user, token):
    cli.add_command(commands)


def _settings() -> Settings:
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    return settings


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits: no traceback for anything a user can cause."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # A monitoring system takes 1 and 2 for findings about the clock: `check` itself failing is 3.
    is_check = bool(arguments) and arguments[0] == "check"
    try:
        cli.main(arguments, prog_name="ntp-checker", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_UNKNOWN if is_check else error.exit_code)
    except click.Abort:
        click.echo("ntp-checker: given up, nothing done", err=True)
        sys.exit(EXIT_UNKNOWN if is_check else 130)
    except (ConfigError, SchemaMismatch) as error:
        _fail(error, EXIT_UNKNOWN if is_check else EXIT_USAGE)
    except NtpCheckerError as error:
        _fail(error, EXIT_UNKNOWN if is_check else EXIT_FAILED)
    except Exception:
        if not is_check:
            raise
        Console(stderr=True).print_exception()
        sys.exit(EXIT_UNKNOWN)


def _fail(error: NtpCheckerError, exit_status: int) -> None:
    text = say_detail(error) if isinstance(error, ProbeError) else str(error)
    if isinstance(error, SendError):
        text = say_refusal(error)
    for line in text.splitlines():
        click.echo(f"ntp-checker: {line}", err=True)
    sys.exit(exit_status)
