"""Sign-in as its users meet it: a hash, a line, a dashboard that asks, a token for a program."""

import json
import os
import pty
import re
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.commands import COMMAND, environment, run
from tests.acceptance.processes import Service, page_url, settings_for, wait_for_page
from tests.postgres import PostgresServer
from tests.users import basic, bearer

PASSWORD = "correct horse battery staple"
#: argon2 at its real cost, and a busy machine.
WAIT_S = 60.0


def type_password(*typed: str, command: tuple[str, ...]) -> tuple[int, str]:
    """Runs a command on a terminal, answers each of its questions; exit status and all it said."""
    terminal, its_side = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *command],
        env=environment({}),
        stdin=its_side,
        stdout=its_side,
        stderr=its_side,
        start_new_session=True,
    ) as process:
        os.close(its_side)
        said, answers = b"", list(typed)
        with suppress(OSError):  # how Linux says that the other side is closed
            while piece := os.read(terminal, 1024):
                said += piece
                if said.endswith(b": ") and answers:
                    os.write(terminal, f"{answers.pop(0)}\n".encode())
    os.close(terminal)
    return process.returncode, said.decode()


def make_line(tmp_path: Path, name: str, role: str) -> str:
    command = ("user", "hash", name, "--role", role)
    status, printed = type_password(PASSWORD, PASSWORD, command=command)
    assert status == 0, printed
    assert PASSWORD not in printed
    (line,) = re.findall(rf"{name}:{role}:\$argon2id\S+", printed)
    assert not any(tmp_path.iterdir())
    return str(line)


def status_of(settings: dict[str, str], path: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(page_url(settings, path), headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_dashboard_asks_for_the_password_that_was_hashed_and_takes_tokens(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    line = make_line(tmp_path, "ada", "act")
    (tmp_path / "users").write_text(f"{line}\n")
    settings = settings_for(
        {},
        tmp_path / "data",
        DATABASE_URL=postgres.url(database),
        NTP_CHECKER_AUTH="basic",
        NTP_CHECKER_USERS_FILE=str(tmp_path / "users"),
    )
    secret = run("token", "create", "ci", "--days", "7", settings=settings).stdout.strip()
    with Service("dashboard", settings=settings) as dashboard:
        wait_for_page(dashboard, "/readyz", timeout_s=WAIT_S)

        assert status_of(settings, "/", {}) == 401
        assert status_of(settings, "/", basic("ada", PASSWORD)) == 200
        assert status_of(settings, "/", basic("ada", "wrong")) == 401
        assert status_of(settings, "/api/latest", bearer(secret)) == 200

        assert run("token", "revoke", "ci", settings=settings).returncode == 0
        assert status_of(settings, "/api/latest", bearer(secret)) == 401
        log = dashboard.log
    for told in (PASSWORD, "argon2", secret):
        assert told not in log
    assert (tmp_path / "data/secret_key").stat().st_mode & 0o777 == 0o600


def test_token_is_printed_once_and_listed_without_its_secret(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": postgres.url(database), "NTP_CHECKER_DATA_DIR": str(tmp_path)}
    made = run("token", "create", "ci", "--scope", "act", settings=settings)
    again = run("token", "create", "ci", settings=settings)
    listed = run("token", "list", settings=settings)
    revoked = run("token", "revoke", "ci", settings=settings)
    gone = run("token", "revoke", "ci", settings=settings)
    left = run("token", "list", settings=settings)

    assert re.fullmatch(r"ntpc_[A-Za-z0-9_-]{43}\n", made.stdout)
    assert (again.returncode, again.stdout) == (1, "")
    assert "take another name" in again.stderr
    assert re.search(r"^ci +act +in force .* never *$", listed.stdout, re.MULTILINE)
    assert made.stdout.strip() not in listed.stdout
    assert (revoked.returncode, gone.returncode) == (0, 1)
    assert re.search(r"^ci +act +revoked ", left.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("short", "short"), "12 characters at least"),
        ((PASSWORD, "another", "short", "short"), "do not match"),
    ],
)
def test_password_that_is_short_or_mistyped_makes_no_hash(
    typed: tuple[str, ...], said: str
) -> None:
    status, printed = type_password(*typed, command=("user", "hash"))

    assert said in printed
    assert status == 2
    assert "argon2" not in printed


def test_dashboard_that_strangers_could_reach_is_refused_in_one_line(tmp_path: Path) -> None:
    settings = {"NTP_CHECKER_DATA_DIR": str(tmp_path / "data"), "NTP_CHECKER_LISTEN": ":0"}
    for command in ("dashboard", "up", "demo"):
        done = run(command, settings=settings)
        (line,) = done.stderr.splitlines()

        assert done.returncode == 2
        assert line.startswith("ntp-checker: NTP_CHECKER_LISTEN: 0.0.0.0:0 is no loopback address")
    assert not (tmp_path / "data").exists()


def test_settings_that_are_shown_name_users_and_no_hash(tmp_path: Path) -> None:
    line = make_line(tmp_path, "ada", "read")
    shown = run("config", "show", settings={"NTP_CHECKER_USERS": line}).stdout

    assert "  - ada: read" in shown
    assert "argon2" not in shown
    assert json.loads(run("config", "schema", settings={}).stdout)["properties"]["users"]
