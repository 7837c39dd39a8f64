"""Finds out who asks: by HTTP's basic sign-in, by an API token, or not at all."""

import re
import time
from collections.abc import Callable
from threading import Lock

import structlog
from flask import request
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from ntp_checker.errors import StoreError
from ntp_checker.model import Scope
from ntp_checker.store.acting import acting
from ntp_checker.store.pool import ActPool, ReaderPool
from ntp_checker.store.reads import reading
from ntp_checker.store.tokens import Token, find_token, is_token, note_token_used
from ntp_checker.web.access import ANYBODY, Access, SignedIn
from ntp_checker.web.basic import Passwords

log = structlog.get_logger()

#: What a browser shows above its two fields.
REALM = "NTP Checker"
#: A token is found in a tenth of a millisecond.
_TOKEN_LIMIT_S = 2.0
#: How often a token's last use is written down.
_NOTED_EVERY_S = 60.0
#: RFC 7519: three parts, or five of one that is encrypted; none of our tokens has a dot.
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){0,2}")
_ACCESS = {Scope.READ: Access.READ, Scope.ACT: Access.ACT}


class Gate:
    """Lets requests in, or says what is missing."""

    def __init__(
        self,
        *,
        passwords: Passwords | None,
        read_pool: ReaderPool,
        act_pool: ActPool | None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `passwords` nobody has to sign in; whoever shows a token is held to it."""
        self._passwords = passwords
        self._read_pool = read_pool
        self._act_pool = act_pool
        self._now_s = now_s
        self._noted_s: dict[int, float] = {}
        self._lock = Lock()

    def let_in(self) -> SignedIn:
        """Who sends the present request.

        Raises Unauthorized, TooManyRequests, and StoreError where a token can't be looked up.
        """
        shown = request.authorization
        if shown is not None and shown.type == "bearer":
            token = shown.token or ""
            if is_token(token):
                return self._by_token(token)
            # A script with half a token is to learn of it, also where it could do without.
            if self._passwords is not None or not _JWT.fullmatch(token):
                raise Unauthorized(www_authenticate=_challenge())
        if self._passwords is None:
            # A proxy that asks for a sign-in itself may pass its own on, which says nothing here:
            # a password, or the JWT that an OpenID provider gave it.
            return ANYBODY
        if shown is None or shown.type != "basic":
            raise Unauthorized(www_authenticate=_challenge())
        return self._by_password(self._passwords, shown)

    def _by_password(self, passwords: Passwords, shown: Authorization) -> SignedIn:
        user = passwords.find_user(shown.username or "", shown.password or "")
        if user is None:
            raise Unauthorized(www_authenticate=_challenge())
        return SignedIn(name=user.name, access=_ACCESS[user.role])

    def _by_token(self, secret: str) -> SignedIn:
        with reading(self._read_pool, limit_s=_TOKEN_LIMIT_S) as connection:
            token = find_token(connection, secret)
        if token is None:
            raise Unauthorized(www_authenticate=_challenge())
        self._note_use(token)
        return SignedIn(name=token.name, access=_ACCESS[token.scope], by_token=True)

    def _note_use(self, token: Token) -> None:
        with self._lock:
            now_s = self._now_s()
            noted_s = self._noted_s.get(token.token_id)
            if noted_s is not None and now_s - noted_s < _NOTED_EVERY_S:
                return
            self._noted_s[token.token_id] = now_s
        if self._act_pool is None:
            return
        try:
            with acting(self._act_pool, limit_s=_TOKEN_LIMIT_S) as connection:
                note_token_used(connection, token.token_id)
        except StoreError as error:
            # The token is good all the same, and where it reads, a replica is enough.
            log.warning("use of a token not noted", token=token.name, reason=str(error))


def _challenge() -> WWWAuthenticate:
    return WWWAuthenticate("basic", {"realm": REALM, "charset": "UTF-8"})
