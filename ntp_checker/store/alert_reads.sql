-- name: alerts_found
-- Alerts that were or are open, open ones first, worst first, newest first; with what was sent.
-- Times bound the time in which they were open, from_at included, to_at not.
SELECT alert.alert_id,
       host.name,
       host.group_name,
       alert.code,
       alert.subject,
       alert.state,
       alert.severity,
       alert.first_bad_slot_at,
       alert.last_good_slot_at,
       alert.opened_at,
       alert.closed_at,
       alert.value,
       alert.peak_value,
       alert.limit_value,
       alert.unit,
       alert.reason,
       alert.flapping_since_at,
       alert.acknowledged_by,
       alert.acknowledged_at,
       alert.acknowledged_until_at,
       alert.acknowledged_note,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'transition', event.transition,
                   'at', event.noted_at,
                   'channel', sent.channel,
                   'state', sent.state,
                   'attempts', sent.attempts,
                   'accepted_at', message.accepted_at,
                   'recipients', message.recipients,
                   'error', sent.error_text)
                   ORDER BY event.ordinal, sent.channel), '[]')
          FROM metrics.alert_event AS event
          JOIN metrics.notification AS sent ON sent.event_id = event.event_id
          LEFT JOIN metrics.message ON message.message_id = sent.message_id
         WHERE event.alert_id = alert.alert_id)::text AS notices
  FROM metrics.alert
  JOIN metrics.host ON host.host_id = alert.host_id
 WHERE alert.opened_at IS NOT NULL
   AND (%(state)s::text IS NULL OR alert.state = %(state)s)
   AND (%(host)s::text IS NULL OR host.name = %(host)s)
   AND (%(group)s::text IS NULL OR host.group_name = %(group)s)
   AND (%(code)s::text IS NULL OR alert.code = %(code)s)
   AND (%(severity)s::text IS NULL OR alert.severity = %(severity)s)
   AND (%(from_at)s::timestamptz IS NULL OR alert.closed_at IS NULL OR alert.closed_at >= %(from_at)s)
   AND (%(to_at)s::timestamptz IS NULL OR alert.opened_at < %(to_at)s)
 ORDER BY alert.state = 'open' DESC,
          CASE WHEN alert.state = 'open' THEN alert.severity = 'critical' END DESC,
          alert.opened_at DESC,
          alert.alert_id DESC
 LIMIT %(limit)s OFFSET %(skip)s;

-- name: count_open
SELECT count(*) FROM metrics.alert WHERE state = 'open';
