-- The braces are filled with the names of one tier's tables.

-- name: lock_tier
-- One at a time: of two, the slower could store a bucket without the rows that the other's marks
-- spoke of. ("ntp_rol" in ASCII, then the tier.)
SELECT pg_try_advisory_xact_lock(x'6e74705f726f6c00'::bigint + %(tier)s::integer);

-- name: set_memory
-- For this transaction: the rows of a run are sorted for their percentiles.
SELECT set_config('work_mem', '64MB', true);

-- name: read_retention
-- Held until the end: no day is dropped, and made again by a late row, while its rows are read.
SELECT extract(epoch FROM kept_from_at)::double precision FROM metrics.raw_retention FOR SHARE;

-- name: pick_buckets
-- The newest first: they are looked at. Marks are more than hosts, but quickly counted.
SELECT bucket_at, count(*) AS marks
  FROM {dirty}
 GROUP BY bucket_at
 ORDER BY bucket_at DESC
 LIMIT %(limit)s;

-- name: take_marks
-- Read and deleted in one statement; the statements after it see the rows that they speak of.
DELETE FROM {dirty}
 WHERE bucket_at = ANY (%(bucket_ats)s::timestamptz[])
RETURNING host_id, extract(epoch FROM bucket_at)::bigint;

-- name: host_ids
SELECT host_id FROM metrics.host WHERE host_id > 0;

-- name: compute_hosts
-- Whole buckets from their rows, one per host. Without a bound the clock is not set or runs free:
-- its zeros are no measurements.
INSERT INTO {rollup} (
    host_id, bucket_at, planned, looked, warning, critical, unknown, no_fix,
    offset_n, offset_mean_s, offset_m2_s2, offset_min_s, offset_max_s,
    offset_p01_s, offset_p05_s, offset_p50_s, offset_p95_s, offset_p99_s,
    freq_min_ppm, freq_mean_ppm, freq_max_ppm, rms_offset_max_s, skew_max_ppm,
    source_std_dev_max_s, error_bound_p50_s, error_bound_max_s,
    satellites_used_mean, satellites_used_min, satellites_seen_min, hdop_max)
SELECT host_id, bucket_at, planned, looked, warning, critical, unknown, no_fix,
       offset_n, offset_mean_s, offset_variance_s2 * offset_n, offset_min_s, offset_max_s,
       percentiles_s[1], percentiles_s[2], percentiles_s[3], percentiles_s[4], percentiles_s[5],
       freq_min_ppm, freq_mean_ppm, freq_max_ppm, rms_offset_max_s, skew_max_ppm,
       source_std_dev_max_s, error_bound_p50_s, error_bound_max_s,
       satellites_used_mean, satellites_used_min, satellites_seen_min, hdop_max
  FROM (SELECT sample.host_id,
               dirty.bucket_at,
               count(*) AS planned,
               count(sample.taken_at) AS looked,
               count(*) FILTER (WHERE sample.status = 1) AS warning,
               count(*) FILTER (WHERE sample.status = 2) AS critical,
               count(*) FILTER (WHERE sample.status = 3) AS unknown,
               count(*) FILTER (WHERE sample.gps_mode <= 1) AS no_fix,
               count(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_n,
               avg(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_mean_s,
               var_pop(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_variance_s2,
               min(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_min_s,
               max(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_max_s,
               percentile_cont(ARRAY[0.01, 0.05, 0.5, 0.95, 0.99])
                   WITHIN GROUP (ORDER BY sample.system_offset_s)
                   FILTER (WHERE sample.error_bound_s IS NOT NULL) AS percentiles_s,
               min(sample.freq_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS freq_min_ppm,
               avg(sample.freq_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS freq_mean_ppm,
               max(sample.freq_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS freq_max_ppm,
               max(sample.rms_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS rms_offset_max_s,
               max(sample.skew_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS skew_max_ppm,
               max(sample.source_std_dev_s) AS source_std_dev_max_s,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY sample.error_bound_s)
                   AS error_bound_p50_s,
               max(sample.error_bound_s) AS error_bound_max_s,
               avg(sample.satellites_used) AS satellites_used_mean,
               min(sample.satellites_used) AS satellites_used_min,
               min(sample.satellites_seen) AS satellites_seen_min,
               max(sample.hdop) AS hdop_max
          FROM metrics.ntp_parent AS sample
          JOIN unnest(%(host_ids)s::integer[], %(bucket_ats)s::timestamptz[])
               AS dirty (host_id, bucket_at)
            ON sample.host_id = dirty.host_id
           AND sample.slot_at >= dirty.bucket_at
           AND sample.slot_at < dirty.bucket_at + %(width)s::interval
         WHERE sample.slot_at >= %(from_at)s AND sample.slot_at < %(to_at)s
         GROUP BY sample.host_id, dirty.bucket_at) AS bucket
 ORDER BY host_id, bucket_at
ON CONFLICT (host_id, bucket_at) DO UPDATE
   SET planned = EXCLUDED.planned,
       looked = EXCLUDED.looked,
       warning = EXCLUDED.warning,
       critical = EXCLUDED.critical,
       unknown = EXCLUDED.unknown,
       no_fix = EXCLUDED.no_fix,
       offset_n = EXCLUDED.offset_n,
       offset_mean_s = EXCLUDED.offset_mean_s,
       offset_m2_s2 = EXCLUDED.offset_m2_s2,
       offset_min_s = EXCLUDED.offset_min_s,
       offset_max_s = EXCLUDED.offset_max_s,
       offset_p01_s = EXCLUDED.offset_p01_s,
       offset_p05_s = EXCLUDED.offset_p05_s,
       offset_p50_s = EXCLUDED.offset_p50_s,
       offset_p95_s = EXCLUDED.offset_p95_s,
       offset_p99_s = EXCLUDED.offset_p99_s,
       freq_min_ppm = EXCLUDED.freq_min_ppm,
       freq_mean_ppm = EXCLUDED.freq_mean_ppm,
       freq_max_ppm = EXCLUDED.freq_max_ppm,
       rms_offset_max_s = EXCLUDED.rms_offset_max_s,
       skew_max_ppm = EXCLUDED.skew_max_ppm,
       source_std_dev_max_s = EXCLUDED.source_std_dev_max_s,
       error_bound_p50_s = EXCLUDED.error_bound_p50_s,
       error_bound_max_s = EXCLUDED.error_bound_max_s,
       satellites_used_mean = EXCLUDED.satellites_used_mean,
       satellites_used_min = EXCLUDED.satellites_used_min,
       satellites_seen_min = EXCLUDED.satellites_seen_min,
       hdop_max = EXCLUDED.hdop_max;

-- name: compute_fleet
-- The same of all hosts together, as host 0. A statement of its own: an aggregate over two kinds of
-- groups cannot be spread over the nodes of a cluster.
INSERT INTO {rollup} (
    host_id, bucket_at, planned, looked, warning, critical, unknown, no_fix,
    offset_n, offset_mean_s, offset_m2_s2, offset_min_s, offset_max_s,
    offset_p01_s, offset_p05_s, offset_p50_s, offset_p95_s, offset_p99_s,
    freq_min_ppm, freq_mean_ppm, freq_max_ppm, rms_offset_max_s, skew_max_ppm,
    source_std_dev_max_s, error_bound_p50_s, error_bound_max_s,
    satellites_used_mean, satellites_used_min, satellites_seen_min, hdop_max)
SELECT 0, bucket_at, planned, looked, warning, critical, unknown, no_fix,
       offset_n, offset_mean_s, offset_variance_s2 * offset_n, offset_min_s, offset_max_s,
       percentiles_s[1], percentiles_s[2], percentiles_s[3], percentiles_s[4], percentiles_s[5],
       freq_min_ppm, freq_mean_ppm, freq_max_ppm, rms_offset_max_s, skew_max_ppm,
       source_std_dev_max_s, error_bound_p50_s, error_bound_max_s,
       satellites_used_mean, satellites_used_min, satellites_seen_min, hdop_max
  FROM (SELECT dirty.bucket_at,
               count(*) AS planned,
               count(sample.taken_at) AS looked,
               count(*) FILTER (WHERE sample.status = 1) AS warning,
               count(*) FILTER (WHERE sample.status = 2) AS critical,
               count(*) FILTER (WHERE sample.status = 3) AS unknown,
               count(*) FILTER (WHERE sample.gps_mode <= 1) AS no_fix,
               count(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_n,
               avg(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_mean_s,
               var_pop(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_variance_s2,
               min(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_min_s,
               max(sample.system_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS offset_max_s,
               percentile_cont(ARRAY[0.01, 0.05, 0.5, 0.95, 0.99])
                   WITHIN GROUP (ORDER BY sample.system_offset_s)
                   FILTER (WHERE sample.error_bound_s IS NOT NULL) AS percentiles_s,
               min(sample.freq_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS freq_min_ppm,
               avg(sample.freq_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS freq_mean_ppm,
               max(sample.freq_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS freq_max_ppm,
               max(sample.rms_offset_s) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS rms_offset_max_s,
               max(sample.skew_ppm) FILTER (WHERE sample.error_bound_s IS NOT NULL)
                   AS skew_max_ppm,
               max(sample.source_std_dev_s) AS source_std_dev_max_s,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY sample.error_bound_s)
                   AS error_bound_p50_s,
               max(sample.error_bound_s) AS error_bound_max_s,
               avg(sample.satellites_used) AS satellites_used_mean,
               min(sample.satellites_used) AS satellites_used_min,
               min(sample.satellites_seen) AS satellites_seen_min,
               max(sample.hdop) AS hdop_max
          FROM metrics.ntp_parent AS sample
          JOIN unnest(%(bucket_ats)s::timestamptz[]) AS dirty (bucket_at)
            ON sample.slot_at >= dirty.bucket_at
           AND sample.slot_at < dirty.bucket_at + %(width)s::interval
         WHERE sample.host_id = ANY (%(host_ids)s::integer[]) -- all, so that the key helps
           AND sample.slot_at >= %(from_at)s AND sample.slot_at < %(to_at)s
         GROUP BY dirty.bucket_at) AS bucket
 ORDER BY bucket_at
ON CONFLICT (host_id, bucket_at) DO UPDATE
   SET planned = EXCLUDED.planned,
       looked = EXCLUDED.looked,
       warning = EXCLUDED.warning,
       critical = EXCLUDED.critical,
       unknown = EXCLUDED.unknown,
       no_fix = EXCLUDED.no_fix,
       offset_n = EXCLUDED.offset_n,
       offset_mean_s = EXCLUDED.offset_mean_s,
       offset_m2_s2 = EXCLUDED.offset_m2_s2,
       offset_min_s = EXCLUDED.offset_min_s,
       offset_max_s = EXCLUDED.offset_max_s,
       offset_p01_s = EXCLUDED.offset_p01_s,
       offset_p05_s = EXCLUDED.offset_p05_s,
       offset_p50_s = EXCLUDED.offset_p50_s,
       offset_p95_s = EXCLUDED.offset_p95_s,
       offset_p99_s = EXCLUDED.offset_p99_s,
       freq_min_ppm = EXCLUDED.freq_min_ppm,
       freq_mean_ppm = EXCLUDED.freq_mean_ppm,
       freq_max_ppm = EXCLUDED.freq_max_ppm,
       rms_offset_max_s = EXCLUDED.rms_offset_max_s,
       skew_max_ppm = EXCLUDED.skew_max_ppm,
       source_std_dev_max_s = EXCLUDED.source_std_dev_max_s,
       error_bound_p50_s = EXCLUDED.error_bound_p50_s,
       error_bound_max_s = EXCLUDED.error_bound_max_s,
       satellites_used_mean = EXCLUDED.satellites_used_mean,
       satellites_used_min = EXCLUDED.satellites_used_min,
       satellites_seen_min = EXCLUDED.satellites_seen_min,
       hdop_max = EXCLUDED.hdop_max;
