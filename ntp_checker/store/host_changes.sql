-- name: settings
-- What was in force from then on, and what until then; not of what is the host's first.
SELECT wanted.host_id, change.valid_from, change.config::text, change.before::text
  FROM unnest(%(host_ids)s::integer[], %(from_ats)s::timestamptz[], %(to_ats)s::timestamptz[])
       AS wanted (host_id, from_at, to_at)
 CROSS JOIN LATERAL (
       SELECT now_so.valid_from, now_so.config, until_then.config AS before
         FROM metrics.host_config AS now_so
        CROSS JOIN LATERAL (
              SELECT config
                FROM metrics.host_config
               WHERE host_id = now_so.host_id AND valid_from < now_so.valid_from
               ORDER BY valid_from DESC
               LIMIT 1) AS until_then
        WHERE now_so.host_id = wanted.host_id
          AND now_so.valid_from >= wanted.from_at
          AND now_so.valid_from <= wanted.to_at
        ORDER BY now_so.valid_from DESC
        LIMIT %(limit)s) AS change;

-- name: sources
SELECT wanted.host_id, change.slot_at, change.address, change.state, change.reach_class
  FROM unnest(%(host_ids)s::integer[], %(from_ats)s::timestamptz[], %(to_ats)s::timestamptz[])
       AS wanted (host_id, from_at, to_at)
 CROSS JOIN LATERAL (
       SELECT slot_at, address, state, reach_class
         FROM metrics.source_change
        WHERE host_id = wanted.host_id
          AND slot_at >= wanted.from_at
          AND slot_at <= wanted.to_at
        ORDER BY slot_at DESC
        LIMIT %(limit)s) AS change;

-- name: samples
-- Where a sample has another leap, stratum, reference or fix than the last one before it that had
-- any: looks that failed come between.
SELECT wanted.host_id, change.slot_at, change.leap, change.leap_before, change.stratum,
       change.stratum_before, change.refid, change.refid_before, change.gps_mode,
       change.gps_mode_before
  FROM unnest(%(host_ids)s::integer[], %(from_ats)s::timestamptz[], %(to_ats)s::timestamptz[])
       AS wanted (host_id, from_at, to_at)
 CROSS JOIN LATERAL (
       SELECT slot_at, leap, leap_before, stratum, stratum_before, refid, refid_before, gps_mode,
              gps_mode_before
         FROM (SELECT slot_at, leap, stratum, refid, gps_mode,
                      lag(leap) OVER tracked AS leap_before,
                      lag(stratum) OVER tracked AS stratum_before,
                      lag(refid) OVER tracked AS refid_before,
                      lag(gps_mode) OVER received AS gps_mode_before
                 FROM metrics.ntp_parent
                WHERE host_id = wanted.host_id
                  AND slot_at >= wanted.from_at
                  AND slot_at <= wanted.to_at
               WINDOW tracked AS (PARTITION BY leap IS NULL ORDER BY slot_at),
                      received AS (PARTITION BY gps_mode IS NULL ORDER BY slot_at)) AS sample
        WHERE leap <> leap_before
           OR stratum <> stratum_before
           OR refid <> refid_before
           OR gps_mode <> gps_mode_before
        ORDER BY slot_at DESC
        LIMIT %(limit)s) AS change;
