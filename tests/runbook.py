"""docs/runbook.md taken apart: its entries, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[1] / "docs/runbook.md").read_text(encoding="utf-8")
#: By code.
ENTRIES: dict[str, str] = dict(
    re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
)


def _to_run() -> Iterator[list[str]]:
    """Each command of a block, without the way to the host and sudo."""
    for line in re.findall(r"^    (\S.*)$", TEXT, re.MULTILINE):
        words = shlex.split(line)
        if words[0] == "ssh":
            place = next(i for i, word in enumerate(words) if word.endswith("HOST"))
            words = shlex.split(" ".join(words[place + 1 :]))
        yield words[1:] if words[0] == "sudo" else words


def _in_sentences() -> Iterator[list[str]]:
    for text in re.findall(r"`((?:sudo )?(?:chronyc|ntp-checker) [^`]+)`", TEXT):
        words = shlex.split(text)
        yield words[1:] if words[0] == "sudo" else words


COMMANDS = [*_to_run(), *_in_sentences()]


def commands_of(program: str) -> list[list[str]]:
    """All that begin with this program."""
    return [words for words in COMMANDS if words[0] == program]
