"""What a running monitor stored of each host."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from tests.rig import RigError, wait_until

WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One slot of one host."""

    slot_at: datetime
    status: str
    codes: frozenset[str]
    failure: tuple[str, str] | None  #: part and kind of the first; GPS has its codes
    stratum: int | None


class Watch:
    """A running monitor's database."""

    def __init__(self, conn: "psycopg.Connection[Any]", names: Mapping[str, str]) -> None:
        self._conn = conn
        self._names = names  #: address of each host

    def rows(self, name: str) -> list[Row]:
        """All of one host, oldest first."""
        found = self._conn.execute(
            "SELECT slot_at, status, warnings || criticals, failure_part, failure_kind, stratum"
            " FROM metrics.ntp WHERE slot_at > '2026-01-01' AND host = %s ORDER BY slot_at",
            [self._names[name]],
        ).fetchall()
        return [
            Row(
                slot_at=slot_at,
                status=status,
                codes=frozenset(codes or ()),
                failure=(part, kind) if part not in (None, "gps") else None,
                stratum=stratum,
            )
            for slot_at, status, codes, part, kind, stratum in found
        ]

    def wait_told(
        self, name: str, status: str, codes: set[str], failure: tuple[str, str] | None
    ) -> None:
        """Until a row has this status, these codes among its own, and this first failure."""

        def told() -> bool:
            return any(
                (row.status, row.failure) == (status, failure) and codes <= row.codes
                for row in self.rows(name)
            )

        try:
            wait_until(told, f"{name} is told", timeout_s=WAIT_S)
        except RigError as error:
            raise AssertionError((name, self.rows(name)[-5:])) from error

    def wait_ok(self, name: str, after: datetime | None = None) -> datetime:
        """Until the newest rows are good; the slot of the newest."""

        def good() -> list[Row]:
            rows = [row for row in self.rows(name) if after is None or row.slot_at > after]
            return rows[-3:] if {row.status for row in rows[-3:]} == {"ok"} else []

        try:
            return wait_until(good, f"{name} is ok", timeout_s=WAIT_S)[-1].slot_at
        except RigError as error:
            raise AssertionError((name, self.rows(name)[-5:])) from error
