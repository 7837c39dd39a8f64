-- name: heard
-- Who heard, or is about to hear, of these hosts' alerts that may still end: as `told` of the
-- outbox has it for the next transition of each.
WITH wanted AS (
    SELECT alert.alert_id, alert.host_id, alert.code, alert.subject, alert.first_bad_slot_at
      FROM metrics.alert AS alert
     WHERE alert.host_id = ANY (%(host_ids)s::integer[]) AND alert.state <> 'closed'
     UNION ALL
    SELECT alert.alert_id, alert.host_id, alert.code, alert.subject, alert.first_bad_slot_at
      FROM metrics.alert AS alert
     WHERE alert.host_id = ANY (%(host_ids)s::integer[]) AND alert.state = 'closed'
       AND alert.flapping_since_at IS NOT NULL
),
earlier AS (
    SELECT wanted.alert_id, event.event_id, event.severity = 'critical' AS is_critical
      FROM wanted
      JOIN metrics.alert_event AS event ON event.alert_id = wanted.alert_id
     UNION ALL
    SELECT wanted.alert_id, event.event_id, event.severity = 'critical'
      FROM wanted
      JOIN metrics.alert AS before
        ON before.host_id = wanted.host_id
       AND before.first_bad_slot_at < wanted.first_bad_slot_at
       AND before.first_bad_slot_at > wanted.first_bad_slot_at - interval '1 day'
       AND before.code = wanted.code
       AND before.subject = wanted.subject
      JOIN metrics.alert_event AS event
        ON event.alert_id = before.alert_id AND event.transition = 'flapping'
)
SELECT DISTINCT ON (wanted.alert_id, told.channel)
       wanted.host_id, wanted.code, wanted.subject, wanted.first_bad_slot_at, told.channel,
       CASE WHEN told.state = 'waiting' THEN told.not_before_at END, told.group_key,
       earlier.is_critical
  FROM wanted
  JOIN earlier ON earlier.alert_id = wanted.alert_id
  JOIN metrics.notification AS told
    ON told.event_id = earlier.event_id AND told.state IN ('waiting', 'claimed', 'accepted')
 ORDER BY wanted.alert_id, told.channel, earlier.is_critical DESC, told.state = 'waiting' DESC,
          told.not_before_at DESC, told.notification_id DESC;
