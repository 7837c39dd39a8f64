-- The spool's tables (SQLite). A later version may add tables for copies of live alerts,
-- acknowledgements and silences, refreshed in the transaction that marks rows as committed.
CREATE TABLE sample (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    host         TEXT NOT NULL,
    slot_us      INTEGER NOT NULL, -- microseconds since 1970, UTC
    lease_epoch  INTEGER NOT NULL,
    payload      BLOB NOT NULL,    -- JSON
    spooled_at_s REAL NOT NULL,    -- seconds since 1970, by this machine
    committed_at_s REAL,           -- when PostgreSQL had it; NULL until then
    UNIQUE (host, slot_us)
);
CREATE INDEX sample_uncommitted ON sample (id) WHERE committed_at_s IS NULL;
CREATE INDEX sample_committed ON sample (committed_at_s) WHERE committed_at_s IS NOT NULL;
-- What could not be stored, for a person to look at.
CREATE TABLE rejected (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    host          TEXT NOT NULL,
    slot_us       INTEGER NOT NULL,
    lease_epoch   INTEGER NOT NULL,
    payload       BLOB NOT NULL,
    reason        TEXT NOT NULL,
    rejected_at_s REAL NOT NULL,
    UNIQUE (host, slot_us)
);
