"""What the dashboard reads of the fleet now, and the connection for it. Sync, read-only.

Every function takes a connection from `reading`, which bounds the wait for a connection and for
each statement, and turns psycopg's errors into StoreError.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, cast

import orjson
import psycopg
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from ntp_checker.errors import SchemaMismatch, StoreError
from ntp_checker.model import Status
from ntp_checker.store.codes import STATUS_NUMBER
from ntp_checker.store.cutoff import cut_off_after
from ntp_checker.store.migrate import known_migrations, status_of
from ntp_checker.store.pool import ActPool, ReaderConnection, ReaderPool, store_errors
from ntp_checker.store.queries import load_queries

#: how long a page waits for a free connection; also how long it takes to say "database down"
CONNECTION_WAIT_S = 3.0
#: how much later than its own limit the server may answer before it counts as frozen
_ANSWER_LATE_S = 2.0

_STATUS_BY_NUMBER = {number: status for status, number in STATUS_NUMBER.items()}


class ReadTooSlow(StoreError):
    """The database could not answer within the statement's time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNow:
    """One watched host and its newest sample."""

    name: str
    interval_s: float | None  #: between two looks, as in force; None if it was not stored
    status: Status | None  #: None without a sample
    slot_at: datetime | None  #: the sample's slot
    sample: dict[str, Any] | None  #: the API's JSON, without the long lists unless read whole
    selected: dict[str, Any] | None = None  #: the selected source; None for none


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNow:
    """All watched hosts at one moment of the database's clock."""

    now_at: datetime
    hosts: Sequence[HostNow]


@contextmanager
def reading(pool: ReaderPool, *, limit_s: float) -> Iterator[ReaderConnection]:
    """A connection in a read-only transaction that takes little longer than `limit_s`.

    Raises StoreError when the database does not answer, ReadTooSlow at the limit and
    SchemaMismatch when the tables are not there.
    """
    with bounded_transaction(pool, limit_s=limit_s) as connection:
        yield connection


@contextmanager
def bounded_transaction(
    pool: ReaderPool | ActPool, *, limit_s: float
) -> Iterator[psycopg.Connection[TupleRow]]:
    """What `reading` and `acting` have in common; the pool says whether it may write."""
    try:
        with (
            store_errors(),
            pool.connection(timeout=CONNECTION_WAIT_S) as connection,
            cut_off_after(connection, limit_s + _ANSWER_LATE_S),
            connection.transaction(),
        ):
            limit = {"limit": f"{round(limit_s * 1000)}ms"}
            connection.execute(_statement("limit_statements"), limit)
            yield connection
    except StoreError as err:
        match err.__cause__:
            case errors.QueryCanceled():
                raise ReadTooSlow(f"the database needs more than {limit_s:g} s for this") from err
            case errors.UndefinedTable() | errors.InvalidSchemaName():
                raise SchemaMismatch(
                    "no schema in the database: run `ntp-checker db init`"
                ) from err
            case PoolTimeout():
                raise StoreError(
                    "no connection to the database, see DATABASE_URL and DATABASE_READ_URL"
                ) from err
        raise


def check_schema(connection: ReaderConnection) -> None:
    """Raises SchemaMismatch unless this code works on the database's schema."""
    applied = connection.execute(load_queries("migrate")["applied"]).fetchall()
    status_of(applied, known_migrations()).check()


def read_clock(connection: ReaderConnection) -> datetime:
    """The database's time."""
    row = connection.execute(_statement("clock")).fetchone()
    if row is None:
        raise StoreError("the database gave no time")
    return cast(datetime, row[0])


def read_fleet(connection: ReaderConnection) -> FleetNow:
    """Every watched host by name, samples without the lists of sources and satellites."""
    rows = connection.execute(_statement("fleet")).fetchall()
    hosts = [
        HostNow(
            name=name,
            interval_s=interval_s,
            status=_status(status),
            slot_at=slot_at,
            sample=_json(sample),
            selected=_json(selected),
        )
        for name, interval_s, status, slot_at, sample, selected in rows
    ]
    # Asked after the rows, so that no sample comes from the future.
    return FleetNow(now_at=read_clock(connection), hosts=hosts)


def read_fleet_whole(connection: ReaderConnection) -> FleetNow:
    """Every watched host by name, samples with their sources and satellites."""
    rows = connection.execute(_statement("fleet_whole")).fetchall()
    hosts = []
    for name, interval_s, status, slot_at, sample_text, sources, satellites in rows:
        sample = _json(sample_text)
        if sample is not None:
            sample["sources"] = _json(sources)
            if sample.get("gps"):
                sample["gps"]["satellites"] = _json(satellites) or []
        hosts.append(
            HostNow(
                name=name,
                interval_s=interval_s,
                status=_status(status),
                slot_at=slot_at,
                sample=sample,
            )
        )
    return FleetNow(now_at=read_clock(connection), hosts=hosts)


def read_hosts(connection: ReaderConnection) -> list[dict[str, Any]]:
    """The watched hosts as they are configured, by name."""
    keys = ("name", "target", "role", "has_gps", "group", "added_at")
    rows = connection.execute(_statement("hosts")).fetchall()
    return [dict(zip(keys, row, strict=True)) for row in rows]


def find_hosts(
    connection: ReaderConnection, names: Sequence[str]
) -> dict[str, tuple[int, float | None]]:
    """Number and interval in seconds of each of these hosts that is known, watched or not."""
    rows = connection.execute(_statement("host_ids"), {"names": list(names)}).fetchall()
    return {name: (host_id, interval_s) for host_id, name, interval_s in rows}


def read_fleet_interval(connection: ReaderConnection) -> float | None:
    """The shortest interval among the watched hosts, seconds; None if none is stored."""
    row = connection.execute(_statement("fleet_interval")).fetchone()
    return row[0] if row else None


def _status(number: int | None) -> Status | None:
    return None if number is None else _STATUS_BY_NUMBER[number]


def _json(text: str | None) -> Any:  # noqa: ANN401  -- whatever the column's list or object is
    return None if text is None else orjson.loads(text)


def _statement(name: str) -> LiteralString:
    return load_queries("reads")[name]
