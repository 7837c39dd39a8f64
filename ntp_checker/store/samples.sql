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
) FROM STDIN;

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

-- name: store_latest
-- Only under the lease's present epoch, and only forwards in time.
INSERT INTO metrics.latest AS latest
       (host_id, status, slot_at, lease_epoch, sample, sources, satellites)
SELECT given.host_id, given.status, given.slot_at, given.lease_epoch,
       given.sample, given.sources, given.satellites
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, status smallint, slot_at timestamptz, lease_epoch bigint,
                 sample jsonb, sources jsonb, satellites jsonb)
  JOIN metrics.lease AS lease
    ON lease.host_id = given.host_id AND lease.epoch = given.lease_epoch
 ORDER BY given.host_id
ON CONFLICT (host_id) DO UPDATE
   SET status = EXCLUDED.status,
       slot_at = EXCLUDED.slot_at,
       lease_epoch = EXCLUDED.lease_epoch,
       stored_at = clock_timestamp(),
       sample = EXCLUDED.sample,
       sources = EXCLUDED.sources,
       satellites = EXCLUDED.satellites
 WHERE latest.slot_at < EXCLUDED.slot_at;
