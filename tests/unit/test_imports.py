"""Imports point one way, and each foreign library has one owner. Reads the source, runs none."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "ntp_checker"
ROOT = Path(__file__).resolve().parents[2]

#: A module (or a whole folder) may import itself and what lies strictly below it.
LAYERS = (
    ("errors", "model"),
    ("clearing", "transitions", "heard"),
    (
        "parse",
        "rules",
        "alerting",
        "routing",
        "blindness",
        "upstream",
        "own_rounds",
        "reach",
        "recurrence",
        "targets",
        "codec",
        "notes",
        "empty_slot",
        "passwords",
        "resources",
        "secret_key",
        "schedule",
        "simulated",
    ),
    ("message", "known_alerts"),
    ("silencing",),
    (
        "collect",
        "store",
        "notify",
        "metrics",
        "config",
        "logs",
        "embedded_binaries",
        "embedded_place",
    ),
    ("audiences", "database_urls"),
    ("explanations",),
    ("advances",),
    (
        "embedded_server",
        "cycle",
        "gaps",
        "addresses",
        "heartbeat",
        "writer",
        "maintenance",
        "own_alerts",
        "vitals",
        "rollup",
        "sightings",
        "outbox",
        "check",
        "trust",
    ),
    ("standby",),
    ("telling",),
    ("embedded", "embedded_guardian", "report", "checker", "watch"),
    ("reload", "exposition", "own_watch"),
    ("service", "web"),
    ("dashboard", "up", "demo"),
    ("cli_silences",),
    ("cli_access", "cli_database", "cli_alerts"),
    ("cli",),
    ("__main__",),
)
#: Narrower than its layer: all of our own that such a module may see beside its own folder.
ONLY_SEES = {
    "errors": (),
    "model": (),
    "parse": ("model", "errors"),
    "rules": ("model", "errors"),
    "clearing": ("model", "errors"),
    "transitions": ("model", "errors"),
    "alerting": ("model", "errors", "clearing", "transitions"),
    "heard": ("model", "errors"),
    "routing": ("model", "errors", "heard"),
    "blindness": ("model", "errors"),
    "upstream": ("model", "errors"),
    "own_rounds": ("model", "errors"),
    "reach": (),
    "message": ("model", "errors", "rules.wording", "targets"),
    "silencing": ("model", "errors", "recurrence", "message.clean"),
    "web": (
        "model",
        "errors",
        "config",
        "metrics",
        "resources",
        "store.reads",
        "store.alert_reads",
        "store.offsets",
        "store.acting",
        "store.actions",
        "store.pool",
        "store.tokens",
        "passwords",
    ),
}
#: Pure modules: nothing foreign at all, but for what is named. orjson refuses NaN and lone
#: surrogates, which PostgreSQL would refuse later.
PURE = {
    "errors": (),
    "model": (),
    "parse": ("orjson",),
    "rules": (),
    "clearing": (),
    "transitions": (),
    "alerting": (),
    "heard": (),
    "routing": (),
    "blindness": (),
    "upstream": (),
    "own_rounds": (),
    "reach": (),
    "message": (),
    "silencing": (),
}
#: Each of these libraries is imported only in these files and folders.
OWNERS = {
    "asyncssh": ("collect.ssh", "collect.ssh_keys"),
    "psycopg": ("store",),
    "psycopg_pool": ("store",),
    "sqlite3": (
        "store.spool",
        "store.spool_copy",
        "store.spool_notes",
        "store.spool_file",
        "store.spool_thinner",
        "store.sqlite_thread",
    ),
    "flask": ("web",),
    "flask_wtf": ("web",),
    "werkzeug": ("web",),
    "jinja2": ("web",),
    "gunicorn": ("web",),
    "prometheus_client": ("metrics",),
    "click": ("cli", "cli_access", "cli_database", "cli_alerts", "cli_silences"),
    "argon2": ("passwords",),
    "markdown_it": ("web.runbook",),
    "boto3": ("notify.ses",),
    "botocore": ("notify.ses", "notify.ses_suppressed"),
    "smtplib": ("notify.smtp",),
    "apprise": ("notify.apprise",),
}


def breaches(root: Path) -> list[str]:
    """Every import under `root`/ntp_checker that points the wrong way, one sentence each."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        module = _module_of(path, root)
        if module == PACKAGE:
            module = f"{PACKAGE}.__init__"
        name = module.removeprefix(f"{PACKAGE}.")
        for imported in _imports_of(path, root):
            reason = (
                _refusal_of_own(name, imported.removeprefix(f"{PACKAGE}."))
                if imported.startswith(f"{PACKAGE}.")
                else _refusal_of_foreign(name, imported)
            )
            if reason:
                found.append(f"{module} imports {imported}: {reason}")
    return found


def _refusal_of_own(module: str, imported: str) -> str | None:
    if _top(module) == _top(imported):
        return None
    own, other = _layer(module), _layer(imported)
    if own is None or other is None:
        return f"{module if own is None else imported} has no place in LAYERS yet"
    if other >= own:
        return "imports point down"
    seen = ONLY_SEES.get(_top(module))
    if seen is not None and not any(_is_within(imported, name) for name in seen):
        return f"{_top(module)} sees only {', '.join(seen) or 'the standard library'}"
    return None


def _refusal_of_foreign(module: str, imported: str) -> str | None:
    library = _top(imported)
    owners = OWNERS.get(library)
    if owners is not None and not any(_is_within(module, owner) for owner in owners):
        return f"only {', '.join(owners)} may"
    allowed = PURE.get(_top(module))
    if library in (*sys.stdlib_module_names, PACKAGE) or allowed is None or library in allowed:
        return None
    return f"{_top(module)} is pure"


def _layer(module: str) -> int | None:
    for height, names in enumerate(LAYERS):
        if _top(module) in names:
            return height
    return None


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_within(module: str, owner: str) -> bool:
    return module == owner or module.startswith(f"{owner}.")


def _module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_of(path: Path, root: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                place = root.joinpath(*whole.split("."))
                is_module = place.with_suffix(".py").exists() or place.is_dir()
                yield whole if is_module else node.module


def test_imports_when_source_is_read_then_all_point_down() -> None:
    assert breaches(ROOT) == []


@pytest.mark.parametrize("top", [name for layer in LAYERS for name in layer])
def test_layers_when_read_then_each_name_stands_once(top: str) -> None:
    assert sum(layer.count(top) for layer in LAYERS) == 1


@pytest.mark.parametrize(
    ("path", "line", "reason"),
    [
        ("model.py", "from ntp_checker.errors import ConfigError", "imports point down"),
        ("parse/chrony.py", "import ntp_checker.store.pool", "imports point down"),
        ("rules/clock.py", "from ntp_checker.parse import chrony", "imports point down"),
        ("rules/clock.py", "import numpy", "rules is pure"),
        ("store/samples.py", "from ntp_checker.service import run", "imports point down"),
        ("collect/probe.py", "from ntp_checker.store import pool", "imports point down"),
        ("collect/local.py", "import asyncssh", "only collect.ssh, collect.ssh_keys may"),
        ("service.py", "from psycopg.rows import dict_row", "only store may"),
        ("store/samples.py", "import sqlite3", "only store.spool"),
        ("cycle.py", "from flask import Flask", "only web may"),
        ("web/pages.py", "from ntp_checker.store import samples", "web sees only"),
        ("web/pages.py", "def f():\n    from ntp_checker import cycle", "web sees only"),
        ("nowhere.py", "from ntp_checker.model import Host", "no place in LAYERS"),
    ],
)
def test_breach_when_planted_then_named(tmp_path: Path, path: str, line: str, reason: str) -> None:
    for name in (
        "errors",
        "model",
        "cycle",
        "service",
        "store/pool",
        "store/samples",
        "parse/chrony",
    ):
        module = tmp_path / PACKAGE / f"{name}.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        module.touch()
    planted = tmp_path / PACKAGE / path
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(line + "\n")

    found = breaches(tmp_path)

    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("parse/chrony.py", "from ntp_checker.model import Tracking"),
        ("rules/clock.py", "from ntp_checker.rules.wording import offset_text"),
        ("store/pool.py", "import psycopg"),
        ("collect/ssh.py", "import asyncssh"),
        ("web/api.py", "from ntp_checker.store.reads import latest"),
        ("__main__.py", "from ntp_checker.cli import main"),
        ("cli.py", "from ntp_checker import __version__"),
    ],
)
def test_import_when_it_points_down_then_allowed(tmp_path: Path, path: str, line: str) -> None:
    planted = tmp_path / PACKAGE / path
    planted.parent.mkdir(parents=True)
    planted.write_text(line + "\n")

    assert breaches(tmp_path) == []
