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
    is_only INTEGER PRIMARY KEY CHECK (is_only = 1),
    payload BLOB NOT NULL -- JSON
);
-- Notifications that were decided on while the database was away, and what came of them. They are
-- dropped in the transaction that notes their event's row as committed.
CREATE TABLE IF NOT EXISTS note (
    note_id       INTEGER PRIMARY KEY,
    event_id      TEXT NOT NULL,
    channel       TEXT NOT NULL,
    group_key     TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'suppressed', 'given_up')),
    not_before_us INTEGER NOT NULL, -- microseconds since 1970, UTC, as all the others
    retry_us      INTEGER,
    attempts      INTEGER NOT NULL DEFAULT 0,
    message_id    TEXT,
    error_kind    TEXT,
    error_text    TEXT,
    settled_us    INTEGER,
    subject       BLOB NOT NULL,    -- transition, alert and group, JSON
    UNIQUE (event_id, channel)
);
CREATE TABLE IF NOT EXISTS note_message (
    message_id      TEXT PRIMARY KEY,
    channel         TEXT NOT NULL,
    recipients      TEXT NOT NULL,  -- JSON
    thread_key      TEXT,
    title           TEXT NOT NULL,
    body            TEXT NOT NULL,
    made_us         INTEGER NOT NULL,
    accepted_us     INTEGER,        -- NULL: it was never accepted
    provider_answer TEXT
) WITHOUT ROWID;
-- One row while messages are sent without the database, so that a restart goes on with it.
CREATE TABLE IF NOT EXISTS away (
    is_only  INTEGER PRIMARY KEY CHECK (is_only = 1),
    since_us INTEGER NOT NULL
);
