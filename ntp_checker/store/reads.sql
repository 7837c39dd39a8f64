-- name: limit_statements
-- For this transaction only.
SELECT set_config('statement_timeout', %(limit)s, true);

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
