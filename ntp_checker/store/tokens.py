"""API tokens: made, found by the secret that a program shows, withdrawn. Sync."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from ntp_checker.model import Scope
from ntp_checker.store.pool import ActConnection, ReaderConnection
from ntp_checker.store.queries import load_queries

#: By it a token is known as one of ours, to people and to what scans for leaked secrets.
_PREFIX = "ntpc_"
_RANDOM_BYTES = 32
_FORM = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that may be used now."""

    token_id: int
    name: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShown:
    """A token as people see it; the secret itself is not kept."""

    name: str
    scope: Scope
    created_by: str
    created_at: datetime
    expires_at: datetime | None  #: None = never
    last_used_at: datetime | None  #: None = never
    revoked_at: datetime | None  #: None if it was not
    is_over: bool  #: past `expires_at` by the database's clock


def is_token(secret: str) -> bool:
    """True if it has the form of a token of ours, in force or not."""
    return _FORM.fullmatch(secret) is not None


def find_token(connection: ReaderConnection, secret: str) -> Token | None:
    """The token that this is the secret of; None if there is none, or it is revoked or over."""
    found = connection.execute(
        _statement("token_in_force"), {"token_sha256": _sha256(secret)}
    ).fetchone()
    if found is None:
        return None
    token_id, name, scope = found
    return Token(token_id=token_id, name=name, scope=Scope(scope))


def note_token_used(connection: ActConnection, token_id: int) -> None:
    """Afterwards the token was used last just now."""
    connection.execute(_statement("note_token_used"), {"token_id": token_id})


def add_token(
    connection: ActConnection, *, name: str, scope: Scope, created_by: str, days: int | None
) -> str | None:
    """The secret of a new token; afterwards its SHA-256 is stored, the secret itself nowhere.

    It ends after `days`, never if they are None. None comes back, and nothing is stored, where the
    name was given away before: a revoked token keeps its own.
    """
    secret = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    added = connection.execute(
        _statement("add_token"),
        {
            "name": name,
            "token_sha256": _sha256(secret),
            "scope": scope.value,
            "created_by": created_by,
            "days": days,
        },
    ).fetchone()
    return None if added is None else secret


def read_tokens(connection: ReaderConnection) -> list[TokenShown]:
    """All tokens by name, those that can't be used any more among them."""
    rows = connection.execute(_statement("tokens")).fetchall()
    return [
        TokenShown(
            name=name,
            scope=Scope(scope),
            created_by=created_by,
            created_at=created_at,
            expires_at=expires_at,
            last_used_at=last_used_at,
            revoked_at=revoked_at,
            is_over=is_over,
        )
        for name, scope, created_by, created_at, expires_at, last_used_at, revoked_at, is_over in rows
    ]


def revoke_token(connection: ActConnection, name: str) -> bool:
    """Afterwards the token can't be used; False if there is none of this name, or it was revoked."""
    return connection.execute(_statement("revoke_token"), {"name": name}).fetchone() is not None


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _statement(name: str) -> LiteralString:
    return load_queries("tokens")[name]
