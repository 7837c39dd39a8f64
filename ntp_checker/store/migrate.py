"""Brings a database's schema to this code's version. Sync; run by commands and at the start."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import structlog
from psycopg.rows import TupleRow

from ntp_checker.errors import DatabaseAway, SchemaMismatch, StoreError
from ntp_checker.resources import sql_path
from ntp_checker.store.conninfo import AnyUrl, conninfo_for
from ntp_checker.store.pool import ReaderConnection, store_errors
from ntp_checker.store.queries import load_queries

log = structlog.get_logger()

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_SERVES_FROM = re.compile(rb"^-- serves_from: (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file in `migrations/`."""

    version: int
    name: str
    sql: str
    checksum: str  #: SHA-256 of the file, hexadecimal
    serves_from: int | None = (
        None  #: lowest schema version whose code works after it; None = its own
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStatus:
    """What a database has, against what this code wants."""

    version: int  #: of the database; 0 = empty
    wanted: int  #: of this code
    serves_from: int  #: of the oldest code that works on the database

    @property
    def is_current(self) -> bool:
        """True if the two are the same."""
        return self.version == self.wanted

    @property
    def serves(self) -> bool:
        """True if this code works on the database: also one that a later release only added to."""
        return self.is_current or self.serves_from <= self.wanted < self.version

    def check(self) -> None:
        """Raises SchemaMismatch, naming what to do, unless this code works on the database."""
        if not self.serves:
            raise mismatch(self)


def load_migrations(folder: Path | None = None) -> list[Migration]:
    """All migrations of this installation, in order; their numbers have no gap."""
    folder = folder or sql_path("migrations")
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if not match:
            raise StoreError(f"{path} is not named NNNN_name.sql")
        content = path.read_bytes()
        migrations.append(
            Migration(
                version=int(match[1]),
                name=match[2],
                sql=content.decode("utf-8"),
                checksum=hashlib.sha256(content).hexdigest(),
                serves_from=int(serves[1]) if (serves := _SERVES_FROM.search(content)) else None,
            )
        )
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise StoreError(f"the migrations in {folder} are not numbered 1, 2, 3 …")
    return migrations


@cache
def known_migrations() -> list[Migration]:
    """Those of this installation, read once: for who asks every few seconds."""
    return load_migrations()


def schema_status(
    conn: ReaderConnection, migrations: list[Migration] | None = None
) -> SchemaStatus:
    """The database's version beside this code's.

    Raises SchemaMismatch for a migration that was changed after it was applied here, and for a
    schema `metrics` that is not ours.
    """
    migrations = load_migrations() if migrations is None else migrations
    queries = load_queries("migrate")
    with store_errors():
        if not _one_value(conn, queries["is_installed"]):
            return status_without_ours(_one_value(conn, queries["foreign_tables"]), migrations)
        return status_of(conn.execute(queries["applied"]).fetchall(), migrations)


def status_without_ours(foreign_tables: object, migrations: Sequence[Migration]) -> SchemaStatus:
    """Of a database in which our schema is not; SchemaMismatch if another's is."""
    if foreign_tables:
        raise SchemaMismatch(
            "the database has a schema metrics that NTP Checker did not make: "
            "give it a database of its own"
        )
    return SchemaStatus(version=0, wanted=len(migrations), serves_from=0)


def status_of(applied: Sequence[TupleRow], migrations: Sequence[Migration]) -> SchemaStatus:
    """Of a database with these migrations, in order: each a version, a checksum, whom it serves.

    Raises SchemaMismatch for a migration that was changed after it was applied there.
    """
    for (version, checksum, _), migration in zip(applied, migrations, strict=False):
        if (version, checksum) != (migration.version, migration.checksum):
            raise SchemaMismatch(
                f"migration {version} in the database is not this release's "
                f"{migration.version:04}_{migration.name}: "
                "install the release that made the database"
            )
    return SchemaStatus(
        version=len(applied),
        wanted=len(migrations),
        serves_from=max((serves_from for _, _, serves_from in applied), default=0),
    )


def migrate(conn: ReaderConnection, migrations: list[Migration] | None = None) -> list[str]:
    """Applies what is missing, each in its own transaction; returns the names of what it applied.

    `conn` is in autocommit. A run that was cut off goes on where it ended; two at once take
    turns. A newer schema that serves this code is left as it is. Raises SchemaMismatch for one
    that does not, StoreError if a migration fails.
    """
    migrations = load_migrations() if migrations is None else migrations
    queries = load_queries("migrate")
    with store_errors(), _turn(conn):
        status = schema_status(conn, migrations)
        if status.version > status.wanted:
            status.check()
            log.info("schema is newer, and serves this release", version=status.version)
        for migration in migrations[status.version :]:
            with conn.transaction():
                # Without parameters the file goes as it is: many statements at once.
                conn.execute(migration.sql.encode())
                conn.execute(
                    queries["record"],
                    {
                        "version": migration.version,
                        "name": migration.name,
                        "checksum": migration.checksum,
                    },
                )
                if migration.serves_from is not None:
                    conn.execute(
                        queries["record_serves_from"],
                        {"version": migration.version, "serves_from": migration.serves_from},
                    )
            log.info("schema migrated", version=migration.version, name=migration.name)
    return [migration.name for migration in migrations[status.version :]]


def init_or_check(url: AnyUrl, initialise: bool) -> None:
    """Afterwards this code works on the database; an empty one is filled only if `initialise`,
    which the embedded server is started with.

    Raises SchemaMismatch, naming the command to run, and StoreError without a database.
    """
    with connect(url) as conn:
        status = schema_status(conn)
        if status.version == 0 and initialise:
            migrate(conn)
        else:
            status.check()


@contextmanager
def connect(url: AnyUrl) -> Iterator[ReaderConnection]:
    """One connection in autocommit, for a command's work. Raises DatabaseAway if there is none."""
    try:
        with store_errors():
            conn = psycopg.connect(
                conninfo_for(url, application_name="ntp-checker db"), autocommit=True
            )
    except StoreError as err:
        raise not_reached(err) from err
    with conn:
        yield conn


def not_reached(err: StoreError) -> DatabaseAway:
    """The error of who could not connect, with the setting to look at."""
    return DatabaseAway(f"database not reached, see DATABASE_URL: {err}")


def mismatch(status: SchemaStatus) -> SchemaMismatch:
    """What to do about a schema that is not this code's."""
    if status.version == 0:
        return SchemaMismatch(
            "the database is empty: run `ntp-checker db init` or `psql -f schema.sql`"
        )
    if status.version < status.wanted:
        return SchemaMismatch(
            f"the database's schema is at version {status.version}, this release needs "
            f"{status.wanted}: run `ntp-checker db migrate`"
        )
    return SchemaMismatch(
        f"the database's schema is at version {status.version}, this release knows only "
        f"{status.wanted}: install the newer release that made it"
    )


@contextmanager
def _turn(conn: ReaderConnection) -> Iterator[None]:
    """Holds the lock of those who change the schema; it ends with the session at the latest."""
    queries = load_queries("migrate")
    conn.execute(queries["lift_limits"])
    if not _one_value(conn, queries["try_lock"]):
        log.info("another migration is under way, waiting for its end")
        conn.execute(queries["lock"])
    conn.execute(queries["set_limits"])
    try:
        yield
    finally:
        if not conn.broken:
            conn.execute(queries["unlock"])


def _one_value(conn: ReaderConnection, query: str) -> object:
    row = conn.execute(query).fetchone()
    if row is None:
        raise StoreError(f"no answer to: {query}")
    return row[0]
