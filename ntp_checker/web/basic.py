"""Names and passwords of HTTP's basic sign-in, which come with every request.

argon2 takes a good part of a tenth of a second and 46 MiB, so passwords are verified one after the
other, and one that was right is remembered while it is used: by an HMAC under a key that lives and
dies with this process, never as it is.
"""

import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

import structlog
from flask import request
from werkzeug.exceptions import TooManyRequests

from ntp_checker.model import User
from ntp_checker.passwords import is_password
from ntp_checker.web.guesses import GuessLimit
from ntp_checker.web.responses import request_id

log = structlog.get_logger()

#: A page that stands open asks every 30 s, so that its user's password is verified once.
REMEMBERED_S = 600.0
MAX_REMEMBERED = 1_000
#: Requests that wait for their password to be verified; each holds one of the server's threads.
MAX_WAITING = 5
WAIT_S = 5.0


class Passwords:
    """Tells users by their passwords. May be used by several threads."""

    def __init__(
        self,
        users: Sequence[User],
        *,
        verify: Callable[[str, str], bool] = is_password,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`users` has one at least."""
        self._users = {user.name: user for user in users}
        # For a name that is nobody's: its answer takes as long as a user's, and so tells nothing.
        self._any_hash = users[0].password_hash
        self._key = secrets.token_bytes(32)
        self._verify = verify
        self._now_s = now_s
        self._limit = GuessLimit(now_s=now_s)
        self._remembered: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()
        self._waiting = BoundedSemaphore(MAX_WAITING)
        self._verifying = Lock()

    def find_user(self, name: str, password: str) -> User | None:
        """The user with this name and password; None if there is none.

        Raises TooManyRequests after too many wrong passwords, and while too many are verified.
        """
        proof = hmac.digest(self._key, f"{name}:{password}".encode(), hashlib.sha256)
        if self._is_remembered(proof):
            return self._users[name]
        self._refuse_guesses(name)
        with self._turn():
            # Verified for another request of the same page meanwhile, or guessed at.
            if self._is_remembered(proof):
                return self._users[name]
            self._refuse_guesses(name)
            return self._verified(name, password, proof)

    def _verified(self, name: str, password: str, proof: bytes) -> User | None:
        user = self._users.get(name)
        fits = self._verify(password, self._any_hash if user is None else user.password_hash)
        if user is None or not fits:
            self._limit.note_wrong(name)
            # People type their password in the field for the name: of strangers, none is logged.
            log.warning(
                "sign-in refused",
                request_id=request_id(),
                user=None if user is None else name,
                address=request.remote_addr,
            )
            return None
        self._remember(proof)
        return user

    def _is_remembered(self, proof: bytes) -> bool:
        with self._lock:
            used_s = self._remembered.pop(proof, None)
            now_s = self._now_s()
            if used_s is None or now_s - used_s > REMEMBERED_S:
                return False
            self._remembered[proof] = now_s
            return True

    def _remember(self, proof: bytes) -> None:
        with self._lock:
            self._remembered[proof] = self._now_s()
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)

    def _refuse_guesses(self, name: str) -> None:
        wait_s = self._limit.wait_s(name)
        if wait_s > 0:
            raise TooManyRequests(retry_after=math.ceil(wait_s))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise TooManyRequests(retry_after=1)
        try:
            if not self._verifying.acquire(timeout=WAIT_S):
                raise TooManyRequests(retry_after=1)
            try:
                yield
            finally:
                self._verifying.release()
        finally:
            self._waiting.release()
