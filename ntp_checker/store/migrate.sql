-- name: try_lock
-- Serialises with schema.sql, which takes the same lock ("ntp_sche" in ASCII).
SELECT pg_try_advisory_lock(x'6e74705f73636865'::bigint);

-- name: lock
SELECT pg_advisory_lock(x'6e74705f73636865'::bigint);

-- name: lift_limits
-- However long the other migration takes, its end is waited for.
SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false);

-- name: unlock
SELECT pg_advisory_unlock(x'6e74705f73636865'::bigint);

-- name: is_installed
SELECT to_regclass('metrics.schema_migration') IS NOT NULL;

-- name: applied
-- Before version 4 there is no column serves_from: then each serves its own release alone.
SELECT version, checksum, coalesce((to_jsonb(m) ->> 'serves_from')::integer, version) AS serves_from
FROM metrics.schema_migration AS m ORDER BY version;

-- name: foreign_tables
-- What lies in the schema though it is not ours.
SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace('metrics');

-- name: record
INSERT INTO metrics.schema_migration (version, name, checksum)
VALUES (%(version)s, %(name)s, %(checksum)s);

-- name: record_serves_from
UPDATE metrics.schema_migration SET serves_from = %(serves_from)s WHERE version = %(version)s;

-- name: set_limits
SELECT set_config('lock_timeout', '30s', false), set_config('statement_timeout', '0', false);
