"""The spool's file: locked, opened, checked, and put aside if it is damaged. SQLite."""

import fcntl
import os
import sqlite3
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import structlog

from ntp_checker.errors import ConfigError, StoreError

log = structlog.get_logger()

#: Says in the file's header that it is ours ("NTPs" in ASCII).
APPLICATION_ID = 0x4E545073
SCHEMA_VERSION = 3
#: Larger files are not read through at the start; SQLite still checks each page it reads.
CHECK_MAX_BYTES = 256 * 1024 * 1024


class FileDamagedError(StoreError):
    """The file is not SQLite's, not ours, or inconsistent."""


def lock_file(path: Path) -> int:
    """Descriptor that keeps others off this spool until it is closed or the process ends.

    Raises ConfigError if another checker has it, or the folder can't be written.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise ConfigError(
            f"NTP_CHECKER_DATA_DIR: cannot write in {path.parent}: {err.strerror}"
        ) from err
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        os.close(descriptor)
        raise ConfigError(
            f"another checker is running on {path.parent}: stop it, or set "
            "NTP_CHECKER_DATA_DIR to another folder"
        ) from err
    return descriptor


def open_file(path: Path, *, max_bytes: int) -> sqlite3.Connection:
    """A connection for the spool's one thread, its tables made if they were not there.

    A damaged file is renamed, never deleted, said once in the log, and a new one begun.
    Raises ConfigError for a newer release's file, StoreError if the disk won't take one.
    """
    try:
        return _open_checked(path, max_bytes=max_bytes)
    except FileDamagedError as err:
        aside = _set_aside(path)
        log.error(  # noqa: TRY400 - the reason says all
            "spool was damaged and set aside; samples in it that were not stored are only there",
            path=str(path),
            set_aside=str(aside),
            reason=str(err),
        )
        return _open_checked(path, max_bytes=max_bytes)


def used_bytes(conn: sqlite3.Connection) -> int:
    """What the file's rows take of its length; the rest is free for others."""
    pages, free, page_bytes = (
        conn.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def _open_checked(path: Path, *, max_bytes: int) -> sqlite3.Connection:
    try:
        conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    except sqlite3.Error as err:
        raise StoreError(f"spool {path}: {err}") from err
    try:
        _prepare(conn, path, max_bytes)
    except BaseException:
        conn.close()
        raise
    return conn


def _prepare(conn: sqlite3.Connection, path: Path, max_bytes: int) -> None:
    try:
        is_new = not conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        application_id = conn.execute("PRAGMA application_id").fetchone()[0]
        version = conn.execute("PRAGMA user_version").fetchone()[0]
        if is_new:
            # Must come before the first table is made.
            conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
        elif application_id != APPLICATION_ID:
            raise FileDamagedError("it is another program's database")
        elif version > SCHEMA_VERSION:
            raise ConfigError(
                f"{path} was written by a newer release: use that, or move the file away"
            )
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        page_bytes = conn.execute("PRAGMA page_size").fetchone()[0]
        conn.execute(f"PRAGMA max_page_count = {max_bytes // page_bytes}")
        if is_new or version < SCHEMA_VERSION:
            _make_tables(conn)
        if not is_new and path.stat().st_size <= CHECK_MAX_BYTES:
            answer = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise FileDamagedError(answer)
    except sqlite3.OperationalError as err:
        raise StoreError(f"spool {path}: {err}") from err
    except sqlite3.DatabaseError as err:
        raise FileDamagedError(str(err)) from err
    path.chmod(0o600)


def _make_tables(conn: sqlite3.Connection) -> None:
    schema = resources.files("ntp_checker.store") / "spool_schema.sql"
    conn.executescript(
        f"BEGIN;\n{schema.read_text(encoding='utf-8')}\n"
        f"PRAGMA application_id = {APPLICATION_ID};\n"
        f"PRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        piece = path.with_name(path.name + suffix)
        if piece.exists():
            piece.rename(aside.with_name(aside.name + suffix))
    return aside
