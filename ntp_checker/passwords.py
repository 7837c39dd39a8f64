"""Passwords and their argon2 hashes."""

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

#: Guesses are slowed to some thousands a day, which this length outlasts.
MIN_PASSWORD_CHARS = 12

# The library's own choice is RFC 9106's for little memory: 64 MiB, 3 passes, 4 lanes.
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash, with a salt of its own, in the text form that names its parameters."""
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """True if the hash is this password's; takes as long as the hash's parameters want."""
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False
