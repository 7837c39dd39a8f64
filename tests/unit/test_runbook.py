"""docs/runbook.md has an entry for each problem, and nothing in it that can't be done."""

import re

import click
import pytest

from ntp_checker.cli import cli
from ntp_checker.model import ProblemCode
from tests.runbook import COMMANDS, ENTRIES, TEXT, commands_of

PARTS = ("**Means.**", "**Likely causes**\n1. ", "**Run**\n\n    ", "**Do.**", "**Wake someone")
#: Programs of the system that everybody on call knows.
OTHERS = {
    *("cat", "date", "df", "grep", "ip", "journalctl", "ping", "systemctl", "true", "uptime"),
    *("chronyd", "gpspipe", "ssh", "ssh-keygen", "psql", "aws"),
}


def test_runbook_when_read_then_exactly_one_entry_for_each_code() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)

    assert sorted(headings) == sorted(code.value for code in ProblemCode)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("code", ProblemCode)
def test_entry_when_read_then_has_its_parts(code: ProblemCode, part: str) -> None:
    assert ENTRIES[code].count(part) == 1


@pytest.mark.parametrize("code", ProblemCode)
def test_entry_when_read_then_it_fits_a_screen(code: ProblemCode) -> None:
    lines = [line for line in ENTRIES[code].splitlines() if line.strip()]

    assert 9 <= len(lines) <= 25


@pytest.mark.parametrize("code", ProblemCode)
def test_causes_when_read_then_numbered_from_one(code: ProblemCode) -> None:
    numbers = [int(number) for number in re.findall(r"^(\d)\. ", ENTRIES[code], re.MULTILINE)]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 2


@pytest.mark.parametrize("words", commands_of("ntp-checker"), ids=" ".join)
def test_command_when_ours_then_there_is_such_a_one(words: list[str]) -> None:
    command: click.Command = cli
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        assert rest[0] in command.commands
        command, rest = command.commands[rest[0]], rest[1:]
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}

    assert {word for word in rest if word.startswith("-")} <= options


def test_command_when_neither_then_of_a_known_program() -> None:
    assert {words[0] for words in COMMANDS} - OTHERS == {"chronyc", "ntp-checker"}


def test_link_when_it_leads_to_an_entry_then_it_is_there() -> None:
    targets = re.findall(r"\]\(([^)]*)\)", TEXT)

    assert targets
    assert {target.removeprefix("#") for target in targets} <= ENTRIES.keys()
