"""Who may sign in, as the settings say it; no hash is ever told."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from ntp_checker.config.show import show_lines
from ntp_checker.config.users import parse_users
from ntp_checker.model import Auth, Scope, User
from ntp_checker.passwords import is_password
from tests.settings_files import HASH, load, mistakes, settings

FILE = f"""\
auth: basic
users:
  ada: {{password_hash: "{HASH}", role: act}}
  bob:
    password_hash: {HASH}
"""
ADA = User(name="ada", password_hash=HASH, role=Scope.ACT)
BOB = User(name="bob", password_hash=HASH, role=Scope.READ)
KEY = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_sign_in_when_nothing_is_set_then_none() -> None:
    assert settings("").sign_in is Auth.NONE


def test_users_when_in_the_file_then_each_has_its_role() -> None:
    assert settings(FILE).users == (ADA, BOB)


def test_users_when_in_the_variable_then_those_of_the_file_do_not_count() -> None:
    lines = f"# who\n\n eve:read:{HASH} \r\n"

    assert settings(FILE, NTP_CHECKER_USERS=lines).users == (User(name="eve", password_hash=HASH),)


def test_users_when_in_a_file_of_their_own_then_read() -> None:
    Path("users").write_text(f"ada:act:{HASH}\nbob:read:{HASH}\n")

    assert settings("", NTP_CHECKER_USERS_FILE="users").users == (ADA, BOB)
    assert settings("users_file: users").users == (ADA, BOB)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ada", "write name:role:hash"),
        (f"ada:{HASH}", "write name:role:hash"),
        (f":act:{HASH}", "write name:role:hash"),
        (f"-a:act:{HASH}", "write name:role:hash"),
        (f"{'a' * 65}:act:{HASH}", "write name:role:hash"),
        (f"ada:actt:{HASH}", "ada: the role is read or act; did you mean act?"),
        ("ada:act:hunter2", "ada: this is no argon2 hash"),
        (f"ada:act:{HASH}$", "ada: this is no argon2 hash"),
        (f"ada:act:{HASH[:-1]}", "ada: this is no argon2 hash"),
        (f"ada:act:{HASH[:-1]}d", "ada: this is no argon2 hash"),
        (f"ada:act:{HASH.replace('p=4', 'p=0')}", "ada: this is no argon2 hash"),
        (f"ada:act:{HASH.replace('m=65536', 'm=31')}", "ada: this is no argon2 hash"),
        ("ada:act:$2b$12$abcdefghijklmnopqrstuv", "ada: this is no argon2 hash"),
        (f"ada:act:{HASH.replace('m=65536', 'm=1048577')}", "more than 1024 MiB"),
        (f"ada:act:{HASH.replace('t=3', 't=101')}", "100 passes"),
        (f"bob:read:{HASH}", "bob: there already: keep one"),
    ],
)
def test_line_when_wrong_then_its_number_and_the_reason_are_told_and_no_hash(
    line: str, reason: str
) -> None:
    (told,) = mistakes("", NTP_CHECKER_USERS=f"bob:read:{HASH}\n{line}")

    assert told.startswith("NTP_CHECKER_USERS: line 2: ")
    assert reason in told
    assert not re.search(r"argon2id|hunter2|2b", told)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("a b: {}", "hosts.yaml:2: users.'a b': this is no user's name"),
        ("ada: {}", "hosts.yaml:2: users.ada: password_hash is missing"),
        ("ada: {password: x}", "hosts.yaml:2: users.ada.password: no such setting"),
        (
            f"ada: {{password_hash: '{HASH}', role: admin}}",
            "hosts.yaml:2: users.ada.role: 'admin': write read or act",
        ),
        (
            "ada: {password_hash: hunter2}",
            "hosts.yaml:2: users.ada.password_hash: this is no argon2 hash",
        ),
    ],
)
def test_user_of_the_file_when_wrong_then_line_and_key_are_told(entry: str, told: str) -> None:
    first = mistakes(f"users:\n  {entry}\n")[0]

    assert first.startswith(told)
    assert "hunter2" not in first


def test_users_when_in_the_file_and_in_a_file_of_their_own_then_refused() -> None:
    Path("users").write_text(f"ada:act:{HASH}\n")

    assert "users is set, too: keep one" in mistakes(FILE + "users_file: users\n")[0]


@pytest.mark.parametrize("variable", ["NTP_CHECKER_SECRET_KEY", "NTP_CHECKER_SECRET_KEY_FILE"])
def test_secret_key_when_shorter_than_32_characters_then_refused_without_it(variable: str) -> None:
    Path("key").write_text(KEY[:31])
    (told,) = mistakes("", **{variable: "key" if variable.endswith("FILE") else KEY[:31]})

    assert told.startswith(f"{variable}: shorter than 32 characters")
    assert KEY[:31] not in told


def test_secret_key_when_it_has_32_characters_then_taken() -> None:
    assert settings("", NTP_CHECKER_SECRET_KEY=KEY).secret_key == KEY


def test_show_when_there_are_users_and_a_key_then_neither_hash_nor_key_is_in_it() -> None:
    lines = list(show_lines(load(FILE, NTP_CHECKER_SECRET_KEY=KEY)))

    assert "users: 2  # hosts.yaml:3" in lines
    assert "  - ada: act" in lines
    assert "secret_key: ***  # NTP_CHECKER_SECRET_KEY" in lines
    assert not re.search(rf"argon2|{KEY}", "\n".join(lines))


def test_settings_when_printed_then_neither_hash_nor_key_is_in_it() -> None:
    printed = repr(settings(FILE, NTP_CHECKER_SECRET_KEY=KEY))

    assert not re.search(rf"argon2|{KEY}", printed)


@given(
    memory_kib=st.sampled_from([7, 8, 31, 32, 64]),
    passes=st.integers(0, 2),
    lanes=st.integers(0, 4),
    salt=st.text("aAzZ09+/", min_size=10, max_size=24),
    digest=st.text("aAzZ09+/", min_size=15, max_size=44),
)
@example(memory_kib=8, passes=1, lanes=1, salt="c29tZXNhbHQ", digest="RdescudvJCsgt3ub+b3Exg")
@settings_of_hypothesis(max_examples=300, deadline=None)
def test_hash_when_taken_then_argon2_can_verify_by_it(
    memory_kib: int, passes: int, lanes: int, salt: str, digest: str
) -> None:
    written = f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}"
    refused: list[str] = []
    parse_users(f"ada:act:{written}", refused.append)

    assert refused or not is_password("hunter2", written)
