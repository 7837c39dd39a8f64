-- The braces are filled with the names of one tier's tables.

-- name: kept_from
SELECT extract(epoch FROM kept_from_at)::double precision FROM metrics.raw_retention;

-- name: dirty_of_hosts
SELECT DISTINCT host_id, extract(epoch FROM bucket_at)::bigint AS bucket_s
  FROM {dirty}
 WHERE host_id = ANY (%(host_ids)s)
   AND bucket_at >= %(from_at)s AND bucket_at < %(to_at)s;

-- name: dirty_of_fleet
SELECT DISTINCT 0 AS host_id, extract(epoch FROM bucket_at)::bigint AS bucket_s
  FROM {dirty}
 WHERE bucket_at >= %(from_at)s AND bucket_at < %(to_at)s;

-- name: rolled
-- Buckets as they were computed, percentiles and all; of hosts, or of the fleet as host 0.
SELECT host_id,
       extract(epoch FROM bucket_at)::bigint AS bucket_s,
       offset_n,
       round(offset_mean_s * 1e9)::bigint,
       round(offset_min_s * 1e9)::bigint,
       round(offset_max_s * 1e9)::bigint,
       CASE WHEN offset_n > 1
            THEN round(sqrt(offset_m2_s2 / (offset_n - 1)) * 1e9)::bigint END,
       round(offset_p01_s * 1e9)::bigint,
       round(offset_p05_s * 1e9)::bigint,
       round(offset_p50_s * 1e9)::bigint,
       round(offset_p95_s * 1e9)::bigint,
       round(offset_p99_s * 1e9)::bigint
  FROM {rollup}
 WHERE host_id = ANY (%(host_ids)s)
   AND bucket_at >= %(from_at)s AND bucket_at < %(to_at)s;

-- name: merged
-- Wider buckets than the tier's: means and deviations merge by Chan's rule, percentiles do not,
-- and an average of them would be a lie.
SELECT host_id,
       bucket_s,
       sum(offset_n)::bigint,
       round(min(mean_s) * 1e9)::bigint,
       round(min(offset_min_s) * 1e9)::bigint,
       round(max(offset_max_s) * 1e9)::bigint,
       CASE WHEN sum(offset_n) > 1
            THEN round(sqrt(sum(offset_m2_s2 + offset_n * (offset_mean_s - mean_s) ^ 2)
                            / (sum(offset_n) - 1)) * 1e9)::bigint END,
       NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
       count(*) AS parts
  FROM (SELECT host_id,
               extract(epoch FROM bucket_at)::bigint / %(resolution_s)s * %(resolution_s)s
                   AS bucket_s,
               offset_n,
               offset_mean_s,
               offset_m2_s2,
               offset_min_s,
               offset_max_s,
               sum(offset_n * offset_mean_s) OVER wide / nullif(sum(offset_n) OVER wide, 0)
                   AS mean_s
          FROM {rollup}
         WHERE host_id = ANY (%(host_ids)s)
           AND bucket_at >= %(from_at)s AND bucket_at < %(to_at)s
        WINDOW wide AS (PARTITION BY host_id, extract(epoch FROM bucket_at)::bigint
                                              / %(resolution_s)s)) AS part
 GROUP BY host_id, bucket_s;

-- name: raw_of_hosts
-- Whole buckets from their rows. Without a bound the clock is not set, and its offset of 0 is no
-- measurement.
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
  FROM (SELECT sample.host_id,
               date_bin(make_interval(secs => %(resolution_s)s), sample.slot_at,
                        timestamptz 'epoch') AS bucket_at,
               count(*) AS readings,
               avg(sample.system_offset_s) AS mean_s,
               min(sample.system_offset_s) AS min_s,
               max(sample.system_offset_s) AS max_s,
               stddev_samp(sample.system_offset_s) AS stddev_s,
               percentile_cont(ARRAY[0.01, 0.05, 0.5, 0.95, 0.99])
                   WITHIN GROUP (ORDER BY sample.system_offset_s) AS percentiles_s
          FROM metrics.ntp_parent AS sample
         WHERE sample.host_id = ANY (%(host_ids)s)
           AND sample.slot_at >= %(from_at)s AND sample.slot_at < %(to_at)s
           AND sample.system_offset_s IS NOT NULL AND sample.error_bound_s IS NOT NULL
         GROUP BY sample.host_id, bucket_at) AS bucket;

-- name: raw_of_fleet
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
  FROM (SELECT date_bin(make_interval(secs => %(resolution_s)s), sample.slot_at,
                        timestamptz 'epoch') AS bucket_at,
               count(*) AS readings,
               avg(sample.system_offset_s) AS mean_s,
               min(sample.system_offset_s) AS min_s,
               max(sample.system_offset_s) AS max_s,
               stddev_samp(sample.system_offset_s) AS stddev_s,
               percentile_cont(ARRAY[0.01, 0.05, 0.5, 0.95, 0.99])
                   WITHIN GROUP (ORDER BY sample.system_offset_s) AS percentiles_s
          FROM metrics.ntp_parent AS sample
         WHERE sample.host_id = ANY (%(host_ids)s) -- all, so that the key helps
           AND sample.slot_at >= %(from_at)s AND sample.slot_at < %(to_at)s
           AND sample.system_offset_s IS NOT NULL AND sample.error_bound_s IS NOT NULL
         GROUP BY bucket_at) AS bucket;

-- name: host_ids
SELECT host_id FROM metrics.host WHERE host_id > 0;
