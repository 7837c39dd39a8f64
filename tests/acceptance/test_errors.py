"""Whatever a user can cause ends in one line that says what, where and what to do; no traceback."""

import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.commands import check_json, run
from tests.acceptance.processes import settings_for
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.parts import find_part
from tests.rig.processes import free_tcp_port

SECRET = "hunter2"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a user did, and what must be said. `{folder}` and `{port}` are filled in."""

    command: str
    exit_status: int
    said: tuple[str, ...]  #: all of them, in the only line
    settings: dict[str, str] = field(default_factory=dict)


NO_DATABASE = {"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:{{port}}/db"}
NOT_REACHED = ("DATABASE_URL", "127.0.0.1", "{port}", "Connection refused")
NO_KEY = {"NTP_CHECKER_SSH_KEY_PATH": "{folder}/nowhere", "NTP_CHECKER_HOSTS": "gps1"}
KEY_MISSING = ("NTP_CHECKER_SSH_KEY_PATH", "{folder}/nowhere", "does not exist", "ssh-keygen")

SITUATIONS = [
    # wrong settings: 3 from `check`, 2 from all others
    *(
        Situation(
            command=command,
            exit_status=3 if command.startswith("check") else 2,
            said=("NTP_CHECKER_INTERVAL_S", "'x'", "number"),
            settings={"NTP_CHECKER_INTERVAL_S": "x"},
        )
        for command in ("check local", "monitor --once", "dashboard", "up", "db status", "trust a")
    ),
    Situation(
        command="monitor --once",
        exit_status=2,
        said=("NTP_CHECKER_HOST:", "did you mean NTP_CHECKER_HOSTS?"),
        settings={"NTP_CHECKER_HOST": "a"},
    ),
    Situation(
        command="check a",
        exit_status=3,
        said=("{folder}/bad.yaml:2", "hosts[0].targett", "did you mean target?"),
        settings={"NTP_CHECKER_CONFIG": "{folder}/bad.yaml"},
    ),
    Situation(
        command="config check {folder}/bad.yaml",
        exit_status=2,
        said=("{folder}/bad.yaml:2", "hosts[0].targett", "did you mean target?"),
    ),
    Situation(
        command="monitor",
        exit_status=2,
        said=("NTP_CHECKER_CONFIG", "{folder}/nowhere.yaml", "No such file"),
        settings={"NTP_CHECKER_CONFIG": "{folder}/nowhere.yaml"},
    ),
    Situation(
        command="db status",
        exit_status=2,
        said=("DATABASE_URL", "postgresql://"),
        settings={"DATABASE_URL": f"mysql://u:{SECRET}@h/db"},
    ),
    Situation(
        command="db status",
        exit_status=2,
        said=("DATABASE_URL_FILE", "{folder}/nowhere: No such file"),
        settings={"DATABASE_URL_FILE": "{folder}/nowhere"},
    ),
    Situation(
        command="db status",
        exit_status=2,
        said=("DATABASE_URL", "not set", "NTP_CHECKER_EMBEDDED=0"),
        settings={"NTP_CHECKER_EMBEDDED": "0"},
    ),
    # places that can't be used
    Situation(
        command="monitor --once",
        exit_status=2,
        said=("NTP_CHECKER_DATA_DIR", "/dev/null/x", "Not a directory"),
        settings={
            "NTP_CHECKER_DATA_DIR": "/dev/null/x",
            "NTP_CHECKER_HOSTS": "local",
            **NO_DATABASE,
        },
    ),
    Situation(
        command="up",
        exit_status=2,
        said=("NTP_CHECKER_DATA_DIR", "/dev/null/x", "Not a directory"),
        settings={"NTP_CHECKER_DATA_DIR": "/dev/null/x"},
    ),
    Situation(
        command="dashboard",
        exit_status=2,
        said=("NTP_CHECKER_LISTEN", "192.0.2.1:80", "Cannot assign"),
        settings={
            "NTP_CHECKER_LISTEN": "192.0.2.1:80",
            "NTP_CHECKER_AUTH_NONE_ANYWHERE": "1",
            **NO_DATABASE,
        },
    ),
    # the database
    *(
        Situation(command=command, exit_status=1, said=NOT_REACHED, settings=NO_DATABASE)
        for command in ("db status", "db init", "db migrate", "db maintain")
    ),
    Situation(
        command="monitor --once",
        exit_status=1,
        said=NOT_REACHED,
        settings={"NTP_CHECKER_HOSTS": "local", **NO_DATABASE},
    ),
    Situation(
        command="db status",
        exit_status=1,
        said=("DATABASE_URL", "nowhere.invalid"),
        settings={"DATABASE_URL": f"postgresql://u:{SECRET}@nowhere.invalid/db"},
    ),
    # keys
    Situation(command="check gps1", exit_status=3, said=KEY_MISSING, settings=NO_KEY),
    Situation(command="authorize", exit_status=2, said=KEY_MISSING, settings=NO_KEY),
    Situation(
        command="monitor", exit_status=2, said=KEY_MISSING, settings={**NO_KEY, **NO_DATABASE}
    ),
    Situation(
        command="check gps1",
        exit_status=3,
        said=("NTP_CHECKER_SSH_KEY_PATH", "{folder}/bad.yaml", "is not a private key"),
        settings={"NTP_CHECKER_SSH_KEY_PATH": "{folder}/bad.yaml"},
    ),
    Situation(
        command="check gps1",
        exit_status=3,
        said=("NTP_CHECKER_SSH_KEY_PATH", "{folder}/locked", "has a passphrase"),
        settings={"NTP_CHECKER_SSH_KEY_PATH": "{folder}/locked"},
    ),
    # targets
    Situation(command="check a;id", exit_status=3, said=("'a;id'", "[user@]host[:port]")),
    Situation(command="check a a", exit_status=3, said=("host a", "listed twice")),
    Situation(command="trust local", exit_status=2, said=("local", "nothing to trust")),
    Situation(
        command="trust 127.0.0.1:{port}",
        exit_status=1,
        said=("127.0.0.1:{port}", "Connection refused"),
    ),
]


@pytest.mark.parametrize(
    "situation", SITUATIONS, ids=lambda s: f"{s.command}-{'-'.join(s.settings)}"
)
def test_situation_ends_in_one_line_with_what_where_and_what_to_do(
    situation: Situation, tmp_path: Path
) -> None:
    port = free_tcp_port("127.0.0.1")
    fill = {"folder": tmp_path, "port": port}
    (tmp_path / "bad.yaml").write_text("hosts:\n  - {target: a, targett: b}\n")
    if "locked" in str(situation.settings):
        subprocess.run(
            [
                find_part("ssh-keygen"),
                "-q",
                "-t",
                "ed25519",
                "-N",
                "secret",
                "-f",
                tmp_path / "locked",
            ],
            check=True,
        )
    given = {name: text.format(**fill) for name, text in situation.settings.items()}

    done = run(
        *situation.command.format(**fill).split(),
        settings={"NTP_CHECKER_DATA_DIR": str(tmp_path / "data"), **given},
    )

    assert done.returncode == situation.exit_status, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ntp-checker: ")
    for words in situation.said:
        assert words.format(**fill) in line
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["check", "check --nonsense a", "check --json --plugin a"])
def test_check_called_wrongly_exits_as_unknown(command: str) -> None:
    done = run(*command.split(), settings={})

    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "--help" in done.stderr


@pytest.mark.parametrize("command", ["nonsense", "config nonsense", "monitor --nonsense"])
def test_command_called_wrongly_is_a_usage_error(command: str) -> None:
    done = run(*command.split(), settings={})

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--help" in done.stderr


def test_check_of_a_host_with_an_unknown_key_names_the_command(
    rig: Rig, rig_host: Callable[..., RigHost], tmp_path: Path
) -> None:
    host = rig_host()
    settings = {**rig.env(), "NTP_CHECKER_SSH_KNOWN_HOSTS_PATH": str(tmp_path / "none")}

    status, [sample] = check_json(host.target, settings=settings)

    assert status == 3
    (failure,) = sample["failures"]
    assert failure["kind"] == "host_key"
    assert f"trust {host.target}" in failure["detail"]


def test_dashboard_on_a_port_in_use_names_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = settings_for({}, tmp_path, DATABASE_URL="postgresql://u@127.0.0.1:1/db")
        done = run("dashboard", settings={**settings, "NTP_CHECKER_LISTEN": listen})

    assert done.returncode == 2
    assert "NTP_CHECKER_LISTEN" in done.stderr
    assert listen in done.stderr
    assert "Traceback" not in done.stderr


def test_database_that_refuses_the_login_is_named_without_the_password(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.url("no_such_database")

    done = run("db", "status", settings=settings_for({}, tmp_path, DATABASE_URL=url))

    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert 'database "no_such_database" does not exist' in done.stderr
    assert len(done.stderr.splitlines()) == 1
