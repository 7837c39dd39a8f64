-- 0004 compatibility: a schema says which earlier releases work on it, so that one may be taken back.
--
-- A later migration that only adds says so in a line of its own, `-- serves_from: 4`: code made for
-- schema 4 or later goes on working after it. Without that line only its own release does.

ALTER TABLE metrics.schema_migration ADD COLUMN serves_from integer CHECK (serves_from BETWEEN 4 AND version);
COMMENT ON COLUMN metrics.schema_migration.serves_from IS 'Lowest schema version whose release still works after this migration; NULL if only its own does';
