-- name: note_last_good
-- The newest slot before each of these alerts at which its rule had data and was not broken, of
-- whatever subject. from_at and to_at bound them all, so that the plan has few partitions.
UPDATE metrics.alert AS alert
   SET last_good_slot_at = good.slot_at
  FROM unnest(%(host_ids)s::integer[], %(codes)s::text[], %(subjects)s::text[],
              %(begun_ats)s::timestamptz[], %(bits)s::bigint[], %(needs)s::text[])
       AS wanted (host_id, code, subject, begun_at, bit, needs)
 CROSS JOIN LATERAL (
       SELECT sample.slot_at
         FROM metrics.ntp_parent AS sample
        WHERE sample.host_id = wanted.host_id
          AND sample.slot_at >= %(from_at)s
          AND sample.slot_at < %(to_at)s
          AND sample.slot_at >= wanted.begun_at - %(look_back)s::interval
          AND sample.slot_at < wanted.begun_at
          AND (sample.warning_bits | sample.critical_bits) & wanted.bit = 0
          AND CASE wanted.needs
                   WHEN 'login' THEN sample.failure_part IS DISTINCT FROM 0
                   WHEN 'tracking' THEN sample.stratum IS NOT NULL
                   WHEN 'set clock' THEN sample.error_bound_s IS NOT NULL
                   WHEN 'sources' THEN sample.sources_total IS NOT NULL
                   WHEN 'gps' THEN sample.gps_mode IS NOT NULL
              END
        ORDER BY sample.slot_at DESC
        LIMIT 1) AS good
 WHERE alert.host_id = wanted.host_id AND alert.code = wanted.code
   AND alert.subject = wanted.subject AND alert.first_bad_slot_at = wanted.begun_at
   AND alert.last_good_slot_at IS NULL;
