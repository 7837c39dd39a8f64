"""Calls a URL while all is well: when that stops, its service tells people what we can't.

The URL is the user's own and may lie inside: a service of one's own on the same network is what
many have. Redirects are never followed, and link-local addresses, where clouds keep credentials,
are refused as for every channel.
"""

import asyncio
from collections.abc import Callable

import structlog

from ntp_checker.errors import SendError
from ntp_checker.notify.http import Endpoint, Poster, check_taken
from ntp_checker.reach import Reach

log = structlog.get_logger()

CALL_TIMEOUT_S = 10.0


def make_caller() -> Poster:
    """What the heartbeat calls by."""
    return Poster(reach=Reach.INWARD_TOO, timeout_s=CALL_TIMEOUT_S)


class Heartbeat:
    """One call at a time, beside everything else: nothing ever waits for it.

    `url` is asked before each call; None: there is none to make.
    """

    def __init__(self, url: Callable[[], str | None], caller: Poster) -> None:
        self._url = url
        self._caller = caller
        self._is_due = asyncio.Event()
        self._has_failed = False

    def beat(self) -> None:
        """All was well just now. While a call is under way, several are one."""
        self._is_due.set()

    async def run(self) -> None:
        """Calls once for each beat. Never ends."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            url = self._url()
            if url is None:
                continue
            try:
                await self._call(url)
            except Exception:
                log.exception("heartbeat failed")

    async def _call(self, url: str) -> None:
        try:
            endpoint = Endpoint.of(url)
            check_taken(await self._caller.get(endpoint, {"User-Agent": "ntp-checker"}), endpoint)
        except SendError as err:
            if not self._has_failed:
                log.warning("heartbeat not taken", reason=err.detail)
            self._has_failed = True
            return
        if self._has_failed:
            log.info("heartbeat is taken again")
        self._has_failed = False
