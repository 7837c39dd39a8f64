"""Runs the product as its users do: as a command, with an environment, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import orjson

COMMAND = (sys.executable, "-m", "ntp_checker")
#: What a test's process may pass on; settings come from the test alone.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """These settings and no others."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(settings)


def run(*arguments: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """One command to its end, a minute at most."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def check_json(
    *targets: str, settings: Mapping[str, str], options: tuple[str, ...] = ()
) -> tuple[int, list[dict[str, Any]]]:
    """`check --json`: the exit status and the samples; stderr must be empty."""
    done = run("check", "--json", *options, *targets, settings=settings)
    assert done.stderr == ""
    return done.returncode, orjson.loads(done.stdout)


def codes(sample: Mapping[str, Any]) -> set[str]:
    """The codes of a sample's problems."""
    return {problem["code"] for problem in sample["problems"]}
