"""Users whose passwords cost next to nothing to verify, for tests."""

from base64 import b64encode

from argon2 import PasswordHasher

from ntp_checker.model import Scope, User

ADAS_PASSWORD = "correct horse battery staple"
BOBS_PASSWORD = "Tr0ub4dor & 3: ünïcode"
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

ADA = User(name="ada", password_hash=_CHEAP.hash(ADAS_PASSWORD), role=Scope.ACT)
BOB = User(name="bob", password_hash=_CHEAP.hash(BOBS_PASSWORD), role=Scope.READ)


def basic(name: str, password: str) -> dict[str, str]:
    """The head of a request with these credentials."""
    pair = b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def bearer(secret: str) -> dict[str, str]:
    """The head of a request with this token."""
    return {"Authorization": f"Bearer {secret}"}


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s
