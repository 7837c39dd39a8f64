-- name: limit_statements
-- For this transaction only.
SELECT set_config('statement_timeout', %(limit)s, true);

-- name: schema_version
SELECT coalesce(max(version), 0) AS version FROM metrics.schema_migration;

-- name: clock
-- Slots are in this server's time, so ages and ranges are, too.
SELECT clock_timestamp() AS now_at;

-- name: fleet
-- Every watched host with its newest sample, without the long lists; also hosts without a sample.
SELECT host.name,
       (SELECT (host_config.config ->> 'interval_s')::double precision
          FROM metrics.host_config
         WHERE host_config.host_id = host.host_id
         ORDER BY host_config.valid_from DESC
         LIMIT 1) AS interval_s,
       latest.status,
       latest.slot_at,
       latest.sample::text AS sample,
       jsonb_path_query_first(latest.sources, '$[*] ? (@.state == "selected")')::text AS selected
  FROM metrics.host
  LEFT JOIN metrics.latest ON latest.host_id = host.host_id
 WHERE host.host_id > 0 AND host.removed_at IS NULL
 ORDER BY host.name;

-- name: fleet_whole
-- The same with the long lists.
SELECT host.name,
       (SELECT (host_config.config ->> 'interval_s')::double precision
          FROM metrics.host_config
         WHERE host_config.host_id = host.host_id
         ORDER BY host_config.valid_from DESC
         LIMIT 1) AS interval_s,
       latest.status,
       latest.slot_at,
       latest.sample::text AS sample,
       latest.sources::text AS sources,
       latest.satellites::text AS satellites
  FROM metrics.host
  LEFT JOIN metrics.latest ON latest.host_id = host.host_id
 WHERE host.host_id > 0 AND host.removed_at IS NULL
 ORDER BY host.name;

-- name: hosts
SELECT host.name,
       host.target,
       host.role,
       host.has_gps,
       host.group_name,
       host.added_at
  FROM metrics.host
 WHERE host.host_id > 0 AND host.removed_at IS NULL
 ORDER BY host.name;

-- name: host_ids
-- Also hosts that are no longer watched: their past may be asked for.
SELECT host.host_id,
       host.name,
       (SELECT (host_config.config ->> 'interval_s')::double precision
          FROM metrics.host_config
         WHERE host_config.host_id = host.host_id
         ORDER BY host_config.valid_from DESC
         LIMIT 1) AS interval_s
  FROM metrics.host
 WHERE host.host_id > 0 AND host.name = ANY (%(names)s);

-- name: fleet_interval
-- The shortest one fills every bucket of the fleet's aggregate.
SELECT min((host_config.config ->> 'interval_s')::double precision) AS interval_s
  FROM metrics.host
  JOIN metrics.host_config ON host_config.host_id = host.host_id
 WHERE host.host_id > 0 AND host.removed_at IS NULL
   AND host_config.valid_from = (SELECT max(newest.valid_from)
                                   FROM metrics.host_config AS newest
                                  WHERE newest.host_id = host.host_id);

-- name: offset_of_hosts
-- Without a bound the clock is not set, and its offset of 0 is no measurement.
SELECT host_id,
       extract(epoch FROM bucket_at)::bigint AS bucket_s,
       readings,
       round(mean_s * 1e9)::bigint,
       round(min_s * 1e9)::bigint,
       round(max_s * 1e9)::bigint,
       round(stddev_s * 1e9)::bigint,
       round(percentiles_s[1] * 1e9)::bigint,
       round(percentiles_s[2] * 1e9)::bigint,
       round(percentiles_s[3] * 1e9)::bigint,
       round(percentiles_s[4] * 1e9)::bigint,
       round(percentiles_s[5] * 1e9)::bigint
  FROM (SELECT host_id,
               date_bin(make_interval(secs => %(resolution_s)s), slot_at, timestamptz 'epoch')
                   AS bucket_at,
               count(*) AS readings,
               avg(system_offset_s) AS mean_s,
               min(system_offset_s) AS min_s,
               max(system_offset_s) AS max_s,
               stddev_samp(system_offset_s) AS stddev_s,
               percentile_cont(ARRAY[0.01, 0.05, 0.5, 0.95, 0.99])
                   WITHIN GROUP (ORDER BY system_offset_s) AS percentiles_s
          FROM metrics.ntp_parent
         WHERE host_id = ANY (%(host_ids)s)
           AND slot_at >= %(from_at)s AND slot_at < %(to_at)s
           AND system_offset_s IS NOT NULL AND error_bound_s IS NOT NULL
         GROUP BY host_id, bucket_at) AS bucket;

-- name: offset_of_fleet
SELECT 0 AS host_id,
       extract(epoch FROM bucket_at)::bigint AS bucket_s,
       readings,
       round(mean_s * 1e9)::bigint,
       round(min_s * 1e9)::bigint,
       round(max_s * 1e9)::bigint,
       round(stddev_s * 1e9)::bigint,
       round(percentiles_s[1] * 1e9)::bigint,
       round(percentiles_s[2] * 1e9)::bigint,
       round(percentiles_s[3] * 1e9)::bigint,
       round(percentiles_s[4] * 1e9)::bigint,
       round(percentiles_s[5] * 1e9)::bigint
  FROM (SELECT date_bin(make_interval(secs => %(resolution_s)s), slot_at, timestamptz 'epoch')
                   AS bucket_at,
               count(*) AS readings,
               avg(system_offset_s) AS mean_s,
               min(system_offset_s) AS min_s,
               max(system_offset_s) AS max_s,
               stddev_samp(system_offset_s) AS stddev_s,
               percentile_cont(ARRAY[0.01, 0.05, 0.5, 0.95, 0.99])
                   WITHIN GROUP (ORDER BY system_offset_s) AS percentiles_s
          FROM metrics.ntp_parent
         WHERE slot_at >= %(from_at)s AND slot_at < %(to_at)s
           AND system_offset_s IS NOT NULL AND error_bound_s IS NOT NULL
         GROUP BY bucket_at) AS bucket;
