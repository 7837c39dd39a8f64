"""The runbook's commands, held against what the real programs say that they know."""

import re
import subprocess

import pytest

from tests.rig.parts import find_part
from tests.runbook import commands_of


@pytest.fixture(scope="module")
def chronyc_words() -> frozenset[str]:
    """Every request that this chronyc takes."""
    lines = _help("chronyc", "help").splitlines()
    names = [line.split("  ")[0].split()[0] for line in lines if re.match("[a-z]", line)]
    return frozenset(word for name in names for word in name.split("|"))


def _help(program: str, how: str) -> str:
    said = subprocess.run([find_part(program), how], capture_output=True, text=True)
    return said.stdout + said.stderr


@pytest.mark.parametrize("words", commands_of("chronyc"), ids=" ".join)
def test_request_when_of_chronyc_then_it_takes_it(
    chronyc_words: frozenset[str], words: list[str]
) -> None:
    requests = [word for word in words[1:] if not word.startswith("-")]

    assert set(requests[:1]) <= chronyc_words


@pytest.mark.parametrize("program", ["gpspipe", "chronyd"])
def test_option_when_in_the_runbook_then_the_program_has_it(program: str) -> None:
    known = set(re.findall(r"^ +(-\w)\b", _help(program, "-h"), re.MULTILINE))
    used = {word[:2] for words in commands_of(program) for word in words if word.startswith("-")}

    assert used
    assert used <= known
