-- name: lock_alert
-- The writer locks its hosts' alerts in the same way: one waits for the other.
SELECT alert.host_id, alert.lease_epoch, host.name, alert.code, alert.subject, alert.state,
       alert.severity, alert.first_bad_slot_at, alert.last_slot_at, alert.last_good_slot_at,
       alert.opened_at, alert.closed_at, alert.bad_in_a_row, alert.good_in_a_row,
       alert.last_ordinal, alert.value, alert.peak_value, alert.limit_value, alert.unit,
       alert.reason, alert.changed_at, alert.flapping_since_at, alert.reminded_at,
       alert.acknowledged_by, alert.acknowledged_at, alert.acknowledged_until_at,
       alert.acknowledged_note
  FROM metrics.alert AS alert
  JOIN metrics.host AS host ON host.host_id = alert.host_id
 WHERE alert.alert_id = %(alert_id)s AND alert.state <> 'pending'
   FOR NO KEY UPDATE OF alert;

-- name: host_named
-- Also one that is no longer watched: it may come back while the silence holds.
SELECT host_id FROM metrics.host WHERE host_id > 0 AND name = %(name)s;

-- name: group_exists
SELECT EXISTS (SELECT FROM metrics.host WHERE removed_at IS NULL AND group_name = %(name)s);

-- name: insert_silence
INSERT INTO metrics.silence
       (host_id, group_name, code, subject, starts_at, ends_at, recurrence, time_zone, reason,
        created_by)
VALUES (%(host_id)s, %(group)s, %(code)s, %(subject)s, %(starts_at)s, %(ends_at)s, %(recurrence)s,
        %(time_zone)s, %(reason)s, %(created_by)s)
RETURNING silence_id;

-- name: lock_silence
SELECT starts_at, ends_at, recurrence, time_zone, cancelled_at
  FROM metrics.silence
 WHERE silence_id = %(silence_id)s
   FOR NO KEY UPDATE;

-- name: cancel_silence
UPDATE metrics.silence
   SET cancelled_at = clock_timestamp(),
       cancelled_by = %(by)s
 WHERE silence_id = %(silence_id)s;

-- name: silences_found
-- What holds or may come first, by its start; then what is over, the newest first.
SELECT silence.silence_id,
       host.name,
       silence.group_name,
       silence.code,
       silence.subject,
       silence.starts_at,
       silence.ends_at,
       silence.recurrence,
       silence.time_zone,
       silence.reason,
       silence.created_by,
       silence.created_at,
       silence.cancelled_by,
       silence.cancelled_at
  FROM metrics.silence
  LEFT JOIN metrics.host ON host.host_id = silence.host_id
 CROSS JOIN LATERAL (
           SELECT silence.cancelled_at IS NOT NULL
                  OR (silence.recurrence IS NULL AND silence.ends_at <= %(at)s)) AS known (is_over)
 ORDER BY known.is_over,
          CASE WHEN NOT known.is_over THEN silence.starts_at END,
          coalesce(silence.cancelled_at, silence.ends_at) DESC,
          silence.silence_id DESC
 LIMIT %(limit)s OFFSET %(skip)s;
