-- The spool's tables (SQLite). Also run over an older version's file: it only adds.
CREATE TABLE IF NOT EXISTS sample (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    host         TEXT NOT NULL,
    slot_us      INTEGER NOT NULL, -- microseconds since 1970, UTC
    lease_epoch  INTEGER NOT NULL,
    payload      BLOB NOT NULL,    -- JSON
    spooled_at_s REAL NOT NULL,    -- seconds since 1970, by this machine
    committed_at_s REAL,           -- when PostgreSQL had it; NULL until then
    UNIQUE (host, slot_us)
);
CREATE INDEX IF NOT EXISTS sample_uncommitted ON sample (id) WHERE committed_at_s IS NULL;
CREATE INDEX IF NOT EXISTS sample_committed ON sample (committed_at_s) WHERE committed_at_s IS NOT NULL;
-- What could not be stored, for a person to look at.
CREATE TABLE IF NOT EXISTS rejected (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    host          TEXT NOT NULL,
    slot_us       INTEGER NOT NULL,
    lease_epoch   INTEGER NOT NULL,
    payload       BLOB NOT NULL,
    reason        TEXT NOT NULL,
    rejected_at_s REAL NOT NULL,
    UNIQUE (host, slot_us)
);
-- Who we are to the database, for as long as this file lives.
CREATE TABLE IF NOT EXISTS owner (
    is_only INTEGER PRIMARY KEY DEFAULT 1 CHECK (is_only = 1),
    name    TEXT NOT NULL
);
INSERT INTO owner (name) VALUES ('checker-' || lower(hex(randomblob(8)))) ON CONFLICT DO NOTHING;
-- Epochs of our leases as the database told us last: samples carry them while it is away.
CREATE TABLE IF NOT EXISTS lease (
    host  TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL
) WITHOUT ROWID;
-- What the database said last of a host's alerts; hosts without any have no row. It is as of the
-- host's rows that are marked as committed: both change in one transaction.
CREATE TABLE IF NOT EXISTS known_alert (
    host    TEXT PRIMARY KEY,
    payload BLOB NOT NULL -- JSON
) WITHOUT ROWID;
-- The silences that held or were to come.
CREATE TABLE IF NOT EXISTS known_silence (
    is_only INTEGER PRIMARY KEY DEFAULT 1 CHECK (is_only = 1),
    payload BLOB NOT NULL -- JSON
);
