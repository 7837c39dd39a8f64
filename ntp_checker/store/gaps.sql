-- name: last_known
-- Each host's newest slot before a moment. What came before its return to the settings, or before
-- the time that gaps are filled for, is no gap: then it is that moment.
SELECT host_id, greatest(slot_at, added_at) AS slot_at
  FROM (SELECT given.host_id,
               host.added_at,
               coalesce((SELECT max(sample.slot_at)
                           FROM metrics.ntp_parent AS sample
                          WHERE sample.host_id = given.host_id
                            AND sample.slot_at < given.before_at
                            AND sample.slot_at >= %(from_at)s AND sample.slot_at < %(to_at)s),
                        CASE WHEN latest.slot_at < %(from_at)s THEN latest.slot_at END) AS slot_at
          FROM unnest(%(host_ids)s::integer[], %(befores)s::timestamptz[])
               AS given (host_id, before_at)
          JOIN metrics.host AS host ON host.host_id = given.host_id
          LEFT JOIN metrics.latest AS latest ON latest.host_id = given.host_id) AS known
 WHERE slot_at IS NOT NULL;

-- name: insert_missed
INSERT INTO metrics.ntp_parent
       (host_id, slot_at, warning_bits, critical_bits, status, failure_part, failure_kind)
SELECT gap.host_id, slot.slot_at, 0, 0, %(status)s, %(part)s, %(kind)s
  FROM unnest(%(host_ids)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
       AS gap (host_id, first_at, last_at),
       generate_series(gap.first_at, gap.last_at, %(interval_us)s * interval '1 microsecond')
       AS slot (slot_at)
 ORDER BY gap.host_id, slot.slot_at
ON CONFLICT (host_id, slot_at) DO NOTHING;
