"""`monitor.py` and `app.py`, started by whatever Python a person has at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("entry", "command"), [("monitor.py", "monitor"), ("app.py", "dashboard")])
def test_entry_when_asked_for_help_then_it_is_the_commands(entry: str, command: str) -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / entry, "--help"], capture_output=True, text=True, check=True
    )

    assert f" {command} " in answer.stdout.splitlines()[0]


@pytest.mark.parametrize("entry", ["monitor.py", "app.py"])
def test_entry_when_packages_are_missing_then_one_clear_line(entry: str) -> None:
    # -S leaves the virtual environment's packages out, as a system's python3 does.
    answer = subprocess.run(
        [sys.executable, "-S", ROOT / entry], capture_output=True, text=True, check=False
    )

    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert "make run" in answer.stderr
