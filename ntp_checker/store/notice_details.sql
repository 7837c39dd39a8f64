-- name: last_samples
-- Of each of these hosts the newest five samples up to its moment, oldest first.
SELECT wanted.host_id, sample.slot_at, sample.status, sample.system_offset_s, sample.error_bound_s
  FROM unnest(%(host_ids)s::integer[], %(from_ats)s::timestamptz[], %(to_ats)s::timestamptz[])
       AS wanted (host_id, from_at, to_at)
 CROSS JOIN LATERAL (
       SELECT slot_at, status, system_offset_s, error_bound_s
         FROM metrics.ntp_parent
        WHERE host_id = wanted.host_id
          AND slot_at >= wanted.from_at
          AND slot_at <= wanted.to_at
        ORDER BY slot_at DESC
        LIMIT 5) AS sample
 ORDER BY wanted.host_id, sample.slot_at;

-- name: hosts_now
-- Where each is looked at, and what was found there last, if anything.
SELECT host.host_id,
       host.target,
       (latest.sample -> 'gps')::text,
       jsonb_array_length(latest.sources),
       jsonb_path_query_first(latest.sources, '$[*] ? (@.state == "selected")')::text
  FROM metrics.host
  LEFT JOIN metrics.latest ON latest.host_id = host.host_id
 WHERE host.host_id = ANY (%(host_ids)s::integer[]);
