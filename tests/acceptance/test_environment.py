"""An environment in which something is wrong or missing, as a container may have it.

The last line of the log names the variable, the exit status is 2, and there is no traceback.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.commands import run
from tests.acceptance.processes import Service, fetch, settings_for, wait_for_page
from tests.rig.parts import find_part
from tests.rig.processes import free_tcp_port
from tests.rig.sshd import make_key
from tests.settings_files import HASH

SECRET = "hunter2-canary"
BOTH = ("monitor", "dashboard")


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """What is changed in a good environment; None takes a variable out."""

    changes: dict[str, str | None]
    said: tuple[str, ...]  #: all of them, in the last line
    commands: tuple[str, ...] = BOTH
    files: dict[str, str] = field(default_factory=dict)  #: beside the good ones


CASES = {
    "database missing": Wrong(
        changes={"DATABASE_URL": None}, said=("DATABASE_URL", "not set", "NTP_CHECKER_EMBEDDED=0")
    ),
    "database blank": Wrong(changes={"DATABASE_URL": " "}, said=("DATABASE_URL", "not set")),
    "database of another kind": Wrong(
        changes={"DATABASE_URL": f"mysql://u:{SECRET}@h/db"},
        said=("DATABASE_URL", "postgresql://user:password@host:5432/database"),
    ),
    "database malformed": Wrong(
        changes={"DATABASE_URL": f"postgresql://u:%{SECRET}@h/db"},
        said=("DATABASE_URL", "connection string"),
    ),
    "database for reading malformed": Wrong(
        changes={"DATABASE_READ_URL": f"postgresql://u:%{SECRET}@h/db"},
        said=("DATABASE_READ_URL", "connection string"),
        commands=("dashboard",),
    ),
    "database's file missing": Wrong(
        changes={"DATABASE_URL": None, "DATABASE_URL_FILE": "{folder}/none"},
        said=("DATABASE_URL_FILE", "{folder}/none", "No such file"),
    ),
    "database's file empty": Wrong(
        changes={"DATABASE_URL": None, "DATABASE_URL_FILE": "{folder}/blank"},
        said=("DATABASE_URL_FILE", "{folder}/blank", "empty"),
        files={"blank": " \n"},
    ),
    "database's file malformed": Wrong(
        changes={"DATABASE_URL": None, "DATABASE_URL_FILE": "{folder}/bad"},
        said=("DATABASE_URL", "connection string"),
        files={"bad": f"postgresql://u:%{SECRET}@h/db\n"},
    ),
    "key missing": Wrong(
        changes={"NTP_CHECKER_SSH_KEY_PATH": "{folder}/none"},
        said=("NTP_CHECKER_SSH_KEY_PATH", "{folder}/none", "does not exist"),
        commands=("monitor",),
    ),
    "key unreadable": Wrong(
        changes={"NTP_CHECKER_SSH_KEY_PATH": "{folder}"},
        said=("NTP_CHECKER_SSH_KEY_PATH", "{folder}", "can't be read"),
        commands=("monitor",),
    ),
    "key with a passphrase": Wrong(
        changes={"NTP_CHECKER_SSH_KEY_PATH": "{folder}/locked"},
        said=("NTP_CHECKER_SSH_KEY_PATH", "{folder}/locked", "passphrase"),
        commands=("monitor",),
    ),
    "key that is none": Wrong(
        changes={"NTP_CHECKER_SSH_KEY_PATH": "{folder}/bad"},
        said=("NTP_CHECKER_SSH_KEY_PATH", "{folder}/bad", "not a private key"),
        commands=("monitor",),
        files={"bad": SECRET},
    ),
    "settings file missing": Wrong(
        changes={"NTP_CHECKER_CONFIG": "{folder}/none.yaml"},
        said=("NTP_CHECKER_CONFIG", "{folder}/none.yaml", "No such file"),
    ),
    "settings file broken": Wrong(
        changes={"NTP_CHECKER_CONFIG": "{folder}/bad.yaml"},
        said=("{folder}/bad.yaml:1", "intervals_s", "did you mean interval_s?"),
        files={"bad.yaml": "intervals_s: 5\n"},
    ),
    "sender of mails alone": Wrong(
        changes={"NTP_CHECKER_SES_FROM": "ntp@example.org"},
        said=("NTP_CHECKER_SES_FROM", "ses_to"),
    ),
    "recipients of mails alone": Wrong(
        changes={"NTP_CHECKER_SES_TO": "ops@example.org"},
        said=("NTP_CHECKER_SES_TO", "ses_from"),
    ),
    "users missing": Wrong(
        changes={"NTP_CHECKER_USERS": None},
        said=("NTP_CHECKER_AUTH", "NTP_CHECKER_USERS"),
        commands=("dashboard",),
    ),
    "users malformed": Wrong(
        changes={"NTP_CHECKER_USERS": f"ops:{SECRET}"}, said=("NTP_CHECKER_USERS",)
    ),
    "key of cookies missing": Wrong(
        changes={"NTP_CHECKER_SECRET_KEY": None},
        said=("NTP_CHECKER_SECRET_KEY",),
        commands=("dashboard",),
    ),
    "key of cookies short": Wrong(
        changes={"NTP_CHECKER_SECRET_KEY": SECRET},
        said=("NTP_CHECKER_SECRET_KEY", "32 characters"),
    ),
    "no sign-in, and open to all": Wrong(
        changes={"NTP_CHECKER_AUTH": None, "NTP_CHECKER_LISTEN": "0.0.0.0:0"},
        said=("NTP_CHECKER_AUTH",),
        commands=("dashboard",),
    ),
    "variable misspelt": Wrong(
        changes={"NTP_CHECKER_SSH_KEY": "x"},
        said=("NTP_CHECKER_SSH_KEY:", "did you mean NTP_CHECKER_SSH_KEY_PATH?"),
    ),
}


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """All that an installation gives; its database is where nobody listens."""
    make_key(tmp_path / "key")
    port = free_tcp_port("127.0.0.1")
    return settings_for(
        {},
        tmp_path / "data",
        DATABASE_URL=f"postgresql://u:{SECRET}@127.0.0.1:{port}/db",
        NTP_CHECKER_EMBEDDED="0",
        NTP_CHECKER_HOSTS="ntp@192.0.2.1",
        NTP_CHECKER_SSH_KEY_PATH=str(tmp_path / "key"),
        NTP_CHECKER_SSH_KNOWN_HOSTS_PATH=str(tmp_path / "known_hosts"),
        NTP_CHECKER_AUTH="basic",
        NTP_CHECKER_USERS=f"ops:act:{HASH}",
        NTP_CHECKER_SECRET_KEY=SECRET * 3,
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [(name, command) for name, case in CASES.items() for command in case.commands],
)
def test_environment_when_something_is_wrong_then_the_last_line_names_it(
    good: dict[str, str], tmp_path: Path, name: str, command: str
) -> None:
    wrong = CASES[name]
    if name == "key with a passphrase":
        locked = ["-q", "-t", "ed25519", "-N", SECRET, "-f", str(tmp_path / "locked")]
        subprocess.run([find_part("ssh-keygen"), *locked], check=True)
    for file, text in wrong.files.items():
        (tmp_path / file).write_text(text)
    changed = {
        key: value.replace("{folder}", str(tmp_path))
        for key, value in {**good, **wrong.changes}.items()
        if value is not None
    }

    done = run(command, settings=changed)

    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    for words in wrong.said:
        assert words.replace("{folder}", str(tmp_path)) in last
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_checker_when_its_database_is_not_reached_then_it_waits_and_names_the_variable(
    good: dict[str, str],
) -> None:
    with Service("monitor", settings=good) as monitor:
        monitor.wait_for("see DATABASE_URL", timeout_s=60)
        monitor.wait_for("watching", timeout_s=60)
        status, _ = monitor.stop()
        log = monitor.log

    assert status == 0
    assert "Connection refused" in log
    assert SECRET not in log


def test_dashboard_when_its_database_is_not_reached_then_it_lives_and_is_not_ready(
    good: dict[str, str],
) -> None:
    with Service("dashboard", settings=good) as dashboard:
        wait_for_page(dashboard, "/healthz")
        with pytest.raises(OSError, match="503"):
            fetch(good, "/readyz")
        status, _ = dashboard.stop()
        log = dashboard.log

    assert status == 0
    assert "DATABASE_URL" in log.splitlines()[-1]
    assert SECRET not in log
