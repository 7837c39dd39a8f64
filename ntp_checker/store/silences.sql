-- name: silences_not_over
-- Not cancelled; of recurring ones nobody here knows the end.
SELECT silence.silence_id,
       silence.starts_at,
       silence.ends_at,
       silence.recurrence,
       silence.time_zone,
       silence.reason,
       silence.created_by,
       host.name,
       silence.group_name,
       silence.code,
       silence.subject
  FROM metrics.silence
  LEFT JOIN metrics.host ON host.host_id = silence.host_id
 WHERE silence.cancelled_at IS NULL
   AND (silence.recurrence IS NOT NULL OR silence.ends_at > %(at)s)
 ORDER BY silence.silence_id;
