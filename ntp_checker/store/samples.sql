-- name: copy_samples
-- What is hardly ever there yet goes in without a detour.
COPY metrics.ntp_parent (
    host_id, slot_at, taken_at, duration_s, status, warning_bits, critical_bits,
    failure_part, failure_kind, leap, stratum, refid, ref_time, system_offset_s, last_offset_s,
    rms_offset_s, freq_ppm, resid_freq_ppm, skew_ppm, root_delay_s, root_dispersion_s,
    update_interval_s, error_bound_s, source_std_dev_s, sources_total, sources_usable,
    sources_reachable, sources_falseticker, gps_mode, gps_age_s, satellites_used,
    satellites_seen, hdop
) FROM STDIN (FORMAT binary);

-- name: make_batch
-- Lives as long as the session; each transaction finds it empty. Made anew where a connection
-- pooler has put another session behind us.
CREATE TEMPORARY TABLE IF NOT EXISTS sample_batch (LIKE metrics.ntp_parent) ON COMMIT DELETE ROWS;

-- name: copy_batch
COPY pg_temp.sample_batch (
    host_id, slot_at, taken_at, duration_s, status, warning_bits, critical_bits,
    failure_part, failure_kind, leap, stratum, refid, ref_time, system_offset_s, last_offset_s,
    rms_offset_s, freq_ppm, resid_freq_ppm, skew_ppm, root_delay_s, root_dispersion_s,
    update_interval_s, error_bound_s, source_std_dev_s, sources_total, sources_usable,
    sources_reachable, sources_falseticker, gps_mode, gps_age_s, satellites_used,
    satellites_seen, hdop
) FROM STDIN (FORMAT binary);

-- name: insert_batch
-- Sorted, so that two writers take their locks in the same order.
INSERT INTO metrics.ntp_parent (
    host_id, slot_at, taken_at, duration_s, status, warning_bits, critical_bits,
    failure_part, failure_kind, leap, stratum, refid, ref_time, system_offset_s, last_offset_s,
    rms_offset_s, freq_ppm, resid_freq_ppm, skew_ppm, root_delay_s, root_dispersion_s,
    update_interval_s, error_bound_s, source_std_dev_s, sources_total, sources_usable,
    sources_reachable, sources_falseticker, gps_mode, gps_age_s, satellites_used,
    satellites_seen, hdop)
SELECT host_id, slot_at, taken_at, duration_s, status, warning_bits, critical_bits,
       failure_part, failure_kind, leap, stratum, refid, ref_time, system_offset_s, last_offset_s,
       rms_offset_s, freq_ppm, resid_freq_ppm, skew_ppm, root_delay_s, root_dispersion_s,
       update_interval_s, error_bound_s, source_std_dev_s, sources_total, sources_usable,
       sources_reachable, sources_falseticker, gps_mode, gps_age_s, satellites_used,
       satellites_seen, hdop
  FROM pg_temp.sample_batch
 ORDER BY host_id, slot_at
ON CONFLICT (host_id, slot_at) DO NOTHING
RETURNING host_id, slot_at;

-- name: mark_dirty
-- One mark per host and bucket in each log. Read together with the rows that it speaks of: a
-- rollup that does not see these rows does not see these marks.
WITH given AS (
    SELECT host_id, to_timestamp(bucket * 300) AS bucket_at
      FROM unnest(%(host_ids)s::integer[], %(buckets)s::bigint[]) AS given (host_id, bucket)
), of_30m AS (
    INSERT INTO metrics.rollup_30m_dirty (host_id, bucket_at)
    SELECT DISTINCT host_id, date_bin('30 minutes', bucket_at, timestamptz 'epoch') FROM given
), of_2h AS (
    INSERT INTO metrics.rollup_2h_dirty (host_id, bucket_at)
    SELECT DISTINCT host_id, date_bin('2 hours', bucket_at, timestamptz 'epoch') FROM given
)
INSERT INTO metrics.rollup_5m_dirty (host_id, bucket_at) SELECT host_id, bucket_at FROM given;
