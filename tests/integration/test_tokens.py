"""API tokens: what is stored of them, and until when they are taken."""

import hashlib
from collections.abc import Iterator

import psycopg
import pytest

from ntp_checker.errors import RowsRefused
from ntp_checker.model import Scope
from ntp_checker.store.acting import acting
from ntp_checker.store.pool import ActPool, open_act_pool, open_reader_pool
from ntp_checker.store.reads import reading
from ntp_checker.store.tokens import (
    Token,
    add_token,
    find_token,
    is_token,
    note_token_used,
    read_tokens,
    revoke_token,
)

Connection = psycopg.Connection[tuple[object, ...]]
LIMIT_S = 30.0


@pytest.fixture
def pool(database_url: str) -> Iterator[ActPool]:
    with open_act_pool(database_url) as opened:
        yield opened


def add(pool: ActPool, name: str = "ci", *, days: int | None = None) -> str:
    with acting(pool, limit_s=LIMIT_S) as connection:
        secret = add_token(connection, name=name, scope=Scope.ACT, created_by="ada", days=days)
    assert secret is not None
    return secret


def find(pool: ActPool, secret: str) -> Token | None:
    with acting(pool, limit_s=LIMIT_S) as connection:
        return find_token(connection, secret)


def test_token_when_made_then_found_by_its_secret(pool: ActPool) -> None:
    token = find(pool, add(pool))

    assert token is not None
    assert (token.name, token.scope) == ("ci", Scope.ACT)


def test_token_when_stored_then_only_its_sha256_is(pool: ActPool, conn: Connection) -> None:
    secret = add(pool)
    (row,) = conn.execute("SELECT * FROM metrics.api_token").fetchall()

    assert hashlib.sha256(secret.encode()).digest() in row
    assert secret not in repr(row)


def test_secret_when_made_then_it_has_256_random_bits_and_our_form(pool: ActPool) -> None:
    secrets = {add(pool, f"t{number}") for number in range(5)}

    assert len(secrets) == 5
    assert all(is_token(secret) and len(secret) == len("ntpc_") + 43 for secret in secrets)


@pytest.mark.parametrize("secret", ["", "ntpc_", "ntpc_" + "x" * 42, "ntpc_" + "x" * 42 + "\n"])
def test_text_when_it_has_another_form_then_no_token(secret: str) -> None:
    assert not is_token(secret)


def test_token_when_asked_for_by_another_secret_then_none(pool: ActPool) -> None:
    add(pool)

    assert find(pool, "ntpc_" + "x" * 43) is None


@pytest.mark.parametrize(("passed", "is_found"), [("23:59", True), ("24:01", False)])
def test_token_when_its_days_pass_then_not_taken_any_more(
    pool: ActPool, conn: Connection, passed: str, is_found: bool
) -> None:
    secret = add(pool, days=1)
    conn.execute("UPDATE metrics.api_token SET expires_at = expires_at - %s::interval", [passed])

    assert (find(pool, secret) is not None) is is_found


def test_token_when_revoked_then_not_taken_any_more(pool: ActPool) -> None:
    secret = add(pool)
    with acting(pool, limit_s=LIMIT_S) as connection:
        assert revoke_token(connection, "ci")

    assert find(pool, secret) is None


def test_token_when_revoked_twice_then_the_first_time_stays(pool: ActPool) -> None:
    add(pool)
    with acting(pool, limit_s=LIMIT_S) as connection:
        revoke_token(connection, "ci")
        first = read_tokens(connection)

        assert not revoke_token(connection, "ci")
        assert read_tokens(connection) == first


def test_token_when_its_name_was_given_away_then_nothing_is_stored(pool: ActPool) -> None:
    secret = add(pool)
    with acting(pool, limit_s=LIMIT_S) as connection:
        again = add_token(connection, name="ci", scope=Scope.READ, created_by="eve", days=None)

    assert again is None
    assert find(pool, secret) is not None


def test_token_when_its_name_is_empty_then_refused(pool: ActPool) -> None:
    with pytest.raises(RowsRefused):
        add(pool, "")


def test_token_when_used_then_the_list_says_when(pool: ActPool) -> None:
    token = find(pool, add(pool, days=30))
    assert token is not None
    with acting(pool, limit_s=LIMIT_S) as connection:
        before = read_tokens(connection)[0]
        note_token_used(connection, token.token_id)
        after = read_tokens(connection)[0]

    assert before.last_used_at is None
    assert after.last_used_at is not None
    assert after.created_at <= after.last_used_at


def test_token_when_the_connection_only_reads_then_found(pool: ActPool, database_url: str) -> None:
    secret = add(pool)
    with (
        open_reader_pool(database_url) as read_pool,
        reading(read_pool, limit_s=LIMIT_S) as connection,
    ):
        assert find_token(connection, secret) is not None


def test_change_when_its_block_fails_then_nothing_of_it_is_there(pool: ActPool) -> None:
    def add_and_fail() -> None:
        with acting(pool, limit_s=LIMIT_S) as connection:
            add_token(connection, name="ci", scope=Scope.READ, created_by="ada", days=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    with acting(pool, limit_s=LIMIT_S) as connection:
        assert read_tokens(connection) == []
