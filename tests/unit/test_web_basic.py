"""Passwords are verified once, remembered while they are used, and never kept as they are."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from flask import Flask
from werkzeug.exceptions import TooManyRequests

from ntp_checker.passwords import hash_password, is_password
from ntp_checker.web.basic import MAX_REMEMBERED, MAX_WAITING, REMEMBERED_S, Passwords
from ntp_checker.web.guesses import NAME_GUESSES, NAME_PAUSE_S
from tests.users import ADA, ADAS_PASSWORD, BOB, BOBS_PASSWORD, Clock

Verified = list[tuple[str, str]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def request_context() -> Iterator[None]:
    """A request is being answered: its number and its address are logged."""
    with Flask("test").test_request_context("/"):
        yield


@pytest.fixture
def passwords(clock: Clock) -> Passwords:
    return Passwords((ADA, BOB), now_s=clock)


@pytest.fixture
def verified() -> Verified:
    """What `counted` verified, password and hash."""
    return []


@pytest.fixture
def counted(clock: Clock, verified: Verified) -> Passwords:
    def verify(password: str, password_hash: str) -> bool:
        verified.append((password, password_hash))
        return is_password(password, password_hash)

    return Passwords((ADA, BOB), verify=verify, now_s=clock)


def test_password_when_hashed_then_argon2id_with_a_salt_of_its_own() -> None:
    first, second = hash_password(ADAS_PASSWORD), hash_password(ADAS_PASSWORD)

    assert first.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert first != second
    assert is_password(ADAS_PASSWORD, first)


@pytest.mark.parametrize(
    ("name", "password", "found"),
    [
        ("ada", ADAS_PASSWORD, ADA),
        ("bob", BOBS_PASSWORD, BOB),
        ("ada", BOBS_PASSWORD, None),
        ("ada", "", None),
        ("ada", ADAS_PASSWORD + "\0", None),
        ("eve", ADAS_PASSWORD, None),
        ("", ADAS_PASSWORD, None),
        ("ADA", ADAS_PASSWORD, None),
    ],
)
def test_user_when_asked_for_then_only_with_its_own_password(
    passwords: Passwords, name: str, password: str, found: object
) -> None:
    assert passwords.find_user(name, password) == found


def test_password_when_used_again_then_not_verified_again(
    counted: Passwords, verified: Verified, clock: Clock
) -> None:
    for _ in range(3):
        assert counted.find_user("ada", ADAS_PASSWORD) == ADA
        clock.now_s += REMEMBERED_S

    assert len(verified) == 1


def test_password_when_not_used_for_long_then_verified_again(
    counted: Passwords, verified: Verified, clock: Clock
) -> None:
    counted.find_user("ada", ADAS_PASSWORD)
    clock.now_s += REMEMBERED_S + 1
    counted.find_user("ada", ADAS_PASSWORD)

    assert len(verified) == 2


def test_stranger_when_turned_away_then_a_hash_was_verified_as_for_a_user(
    counted: Passwords, verified: Verified
) -> None:
    counted.find_user("eve", "x")

    assert verified == [("x", ADA.password_hash)]


def test_stranger_when_it_has_a_users_password_by_chance_then_turned_away(
    passwords: Passwords,
) -> None:
    assert passwords.find_user("eve", ADAS_PASSWORD) is None
    assert passwords.find_user("eve", ADAS_PASSWORD) is None


def test_memory_when_looked_into_then_no_password_is_there(passwords: Passwords) -> None:
    passwords.find_user("ada", ADAS_PASSWORD)

    assert ADAS_PASSWORD not in repr(vars(passwords))
    assert all(len(proof) == 32 for proof in passwords._remembered)


def test_memory_when_full_then_the_one_that_was_not_used_for_longest_goes(clock: Clock) -> None:
    users = [replace(ADA, name=f"u{number}") for number in range(MAX_REMEMBERED + 1)]
    passwords = Passwords(users, now_s=clock)
    for user in users:
        passwords.find_user(user.name, ADAS_PASSWORD)

    assert len(passwords._remembered) == MAX_REMEMBERED


def test_name_when_guessed_at_too_often_then_not_even_verified(
    counted: Passwords, verified: Verified
) -> None:
    for _ in range(NAME_GUESSES):
        assert counted.find_user("ada", "wrong") is None

    with pytest.raises(TooManyRequests) as refused:
        counted.find_user("ada", ADAS_PASSWORD)
    assert refused.value.retry_after == NAME_PAUSE_S
    assert len(verified) == NAME_GUESSES


def test_user_when_its_name_is_guessed_at_then_it_goes_on_if_it_is_signed_in(
    passwords: Passwords,
) -> None:
    passwords.find_user("ada", ADAS_PASSWORD)
    for _ in range(NAME_GUESSES):
        passwords.find_user("ada", "wrong")

    assert passwords.find_user("ada", ADAS_PASSWORD) == ADA


def test_user_when_the_pause_is_over_then_let_in(passwords: Passwords, clock: Clock) -> None:
    for _ in range(NAME_GUESSES):
        passwords.find_user("ada", "wrong")
    clock.now_s += NAME_PAUSE_S

    assert passwords.find_user("ada", ADAS_PASSWORD) == ADA


def test_verifications_when_too_many_wait_then_refused_at_once(passwords: Passwords) -> None:
    for _ in range(MAX_WAITING):
        passwords._waiting.acquire()

    with pytest.raises(TooManyRequests):
        passwords.find_user("ada", ADAS_PASSWORD)
    passwords._waiting.release()
    assert passwords.find_user("ada", ADAS_PASSWORD) == ADA


def test_refusal_when_logged_then_without_the_password_and_without_a_strangers_name(
    passwords: Passwords,
) -> None:
    with structlog.testing.capture_logs() as logged:
        passwords.find_user("ada", "hunter2")
        passwords.find_user("hunter2", "x")

    assert [line["user"] for line in logged] == ["ada", None]
    assert "hunter2" not in repr(logged)
