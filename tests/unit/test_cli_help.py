"""What `--help` says of each command: every option in words, with a name for what it takes."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ntp_checker.cli import cli


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


ALL = dict(commands(cli))
OPTIONS_OF_SILENCE = [name for one in ALL["alerts silence"].params for name in one.opts]
CONFIGURATION = (Path(__file__).resolve().parents[2] / "docs/configuration.md").read_text("utf-8")


@pytest.mark.parametrize("name", list(ALL))
def test_option_when_asked_for_help_then_it_has_words(name: str) -> None:
    options = [one for one in ALL[name].params if isinstance(one, click.Option) and not one.hidden]

    assert [one.opts for one in options if not one.help] == []


@pytest.mark.parametrize("name", list(ALL))
def test_command_when_asked_for_help_then_no_name_of_the_code_is_shown(name: str) -> None:
    command = ALL[name]

    text = command.get_help(click.Context(command, info_name=name))

    assert " _" not in text


@pytest.mark.parametrize("name", ["alerts ack", "alerts silence"])
def test_moment_when_asked_for_help_then_it_is_called_so(name: str) -> None:
    command = ALL[name]

    text = command.get_help(click.Context(command, info_name=name))

    assert "--until MOMENT" in text
    assert "--for LENGTH" in text


@pytest.mark.parametrize("option", OPTIONS_OF_SILENCE)
def test_silence_when_it_takes_an_option_then_the_page_names_it(option: str) -> None:
    section = CONFIGURATION.split("\n### Silences\n")[1].split("\n### ")[0]

    assert option in section


def test_authorize_when_both_parts_are_wanted_alone_then_refused() -> None:
    done = CliRunner().invoke(cli, ["authorize", "--script", "--line"])

    assert done.exit_code == 2
    assert "one of them" in done.output
