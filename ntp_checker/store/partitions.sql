-- name: create_day
SELECT metrics.create_daily_partition(%(day)s::date);

-- name: maintain
SELECT partition, action, outcome
  FROM metrics.maintain_partitions(%(retention_days)s::integer, %(premake_days)s::integer);

-- name: days_ready
-- Attached ones only; samples go into no other.
SELECT today.day, array_remove(array_agg(part.day), NULL)
  FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today
  LEFT JOIN (SELECT to_date(right(child.relname, 8), 'YYYYMMDD') AS day
               FROM pg_catalog.pg_inherits AS tie
               JOIN pg_catalog.pg_class AS child ON child.oid = tie.inhrelid
              WHERE tie.inhparent = 'metrics.ntp_parent'::regclass
                AND NOT tie.inhdetachpending
                AND child.relname ~ '^ntp_[0-9]{8}$') AS part
    ON part.day >= today.day
 GROUP BY today.day;
