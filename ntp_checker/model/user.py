"""Who may use the dashboard."""

from dataclasses import dataclass, field
from enum import StrEnum


class Auth(StrEnum):
    """How people sign in to the dashboard."""

    NONE = "none"  #: not at all: everybody who reaches it may do everything
    BASIC = "basic"  #: with name and password, in HTTP's own way


class Scope(StrEnum):
    """What a user or an API token may do."""

    READ = "read"  #: see everything
    ACT = "act"  #: also acknowledge and silence


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person who signs in with a password."""

    name: str
    password_hash: str = field(repr=False)  #: argon2, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`
    role: Scope = Scope.READ
