"""The spool's copy of what the database said last of alerts and silences. SQLite.

It changes in the transaction that marks samples as committed: what follows in the spool is exactly
what the alerts in it have not seen.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ntp_checker.known_alerts import (
    Known,
    KnownHost,
    decode_alerts,
    decode_silences,
    encode_alerts,
    encode_silences,
)
from ntp_checker.store.queries import load_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyChange:
    """What is to be written; nothing of what is there already."""

    hosts: dict[str, bytes | None]  #: None: no alerts any more
    silences: bytes | None  #: None: as before

    def __bool__(self) -> bool:
        return bool(self.hosts) or self.silences is not None


class SpoolCopy:
    """The copy in one spool's file."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._sql = load_queries("spool_copy")
        #: What the file has, in short: a batch of healthy hosts is not to write a thing.
        self._hosts = {host: hash(payload) for host, payload in self._read_hosts(conn)}
        self._silences = hash(self._read_silences(conn))

    def change_to(self, known: Iterable[Known]) -> CopyChange:
        """What these batches, one after the other, make of the copy."""
        hosts: dict[str, KnownHost | None] = {}
        silences: bytes | None = None
        for batch in known:
            hosts |= batch.hosts
            silences = encode_silences(batch.silences)
        changed: dict[str, bytes | None] = {}
        for host, found in hosts.items():
            if found is None:
                if host in self._hosts:
                    changed[host] = None
                continue
            payload = encode_alerts(found)
            if self._hosts.get(host) != hash(payload):
                changed[host] = payload
        if silences is not None and hash(silences) == self._silences:
            silences = None
        return CopyChange(hosts=changed, silences=silences)

    def write(self, conn: sqlite3.Connection, change: CopyChange) -> None:
        """For the spool's thread, in a transaction of the caller's, who calls `note` after it."""
        for host, payload in change.hosts.items():
            if payload is None:
                conn.execute(self._sql["drop_alerts"], {"host": host})
            else:
                conn.execute(self._sql["put_alerts"], {"host": host, "payload": payload})
        if change.silences is not None:
            conn.execute(self._sql["put_silences"], {"payload": change.silences})

    def note(self, change: CopyChange) -> None:
        """The change is on disk."""
        for host, payload in change.hosts.items():
            if payload is None:
                self._hosts.pop(host, None)
            else:
                self._hosts[host] = hash(payload)
        if change.silences is not None:
            self._silences = hash(change.silences)

    def read(self, conn: sqlite3.Connection) -> Known:
        """For the spool's thread: the whole copy; hosts without alerts are left out.

        Raises ValueError if another program wrote in it.
        """
        silences = self._read_silences(conn)
        return Known(
            hosts={host: decode_alerts(payload) for host, payload in self._read_hosts(conn)},
            silences=() if silences is None else decode_silences(silences),
        )

    def _read_hosts(self, conn: sqlite3.Connection) -> list[tuple[str, bytes]]:
        return conn.execute(self._sql["known_alerts"]).fetchall()

    def _read_silences(self, conn: sqlite3.Connection) -> bytes | None:
        found = conn.execute(self._sql["known_silences"]).fetchone()
        return None if found is None else bytes(found[0])
