"""Passwords and their argon2 hashes."""

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

#: Guesses are slowed to some thousands a day, which this length outlasts.
MIN_PASSWORD_CHARS = 12

# Of OWASP's equal choices (Password Storage Cheat Sheet) the one with the most memory: 46 MiB, one
# pass, one lane. The library's default (RFC 9106, little memory) takes 3.3 times the processor.
_HASHER = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)


def hash_password(password: str) -> str:
    """The argon2id hash, with a salt of its own, in the text form that names its parameters."""
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """True if the hash is this password's; takes as long as the hash's parameters want."""
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False
