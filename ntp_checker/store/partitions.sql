-- name: create_day
SELECT metrics.create_daily_partition(%(day)s::date);

-- name: maintain
SELECT partition, action, outcome
  FROM metrics.maintain_partitions(%(retention_days)s::integer, %(premake_days)s::integer);
