-- name: alerts_found
-- Alerts that were or are open, open ones first, worst first, newest first; with what was sent.
-- Times bound the time in which they were open, from_at included, to_at not. The filters and the
-- order are those of alert_numbers.
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
       (SELECT event.event_id
          FROM metrics.alert_event AS event
         WHERE event.alert_id = alert.alert_id
         ORDER BY event.ordinal
         LIMIT 1) AS event_id,
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
   AND (%(numbers)s::bigint[] IS NULL OR alert.alert_id = ANY (%(numbers)s::bigint[]))
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

-- name: alert_numbers
-- The number of each of these alerts, filtered and in order as alerts_found has them.
SELECT alert.alert_id
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
          alert.alert_id DESC;

-- name: count_open
SELECT count(*) FROM metrics.alert WHERE state = 'open';

-- name: alert_of_event
-- The one alert that this transition belongs to.
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
       event.event_id,
       '[]' AS notices
  FROM metrics.alert_event AS event
  JOIN metrics.alert ON alert.alert_id = event.alert_id
  JOIN metrics.host ON host.host_id = alert.host_id
 WHERE event.event_id = %(event_id)s AND alert.opened_at IS NOT NULL;

-- name: host_of_alert
SELECT host_id FROM metrics.alert WHERE alert_id = %(alert_id)s AND host_id > 0;

-- name: transitions_of_alert
-- In their order, each with what was to be sent of it.
SELECT event.event_id,
       event.transition,
       event.slot_at,
       event.noted_at,
       event.severity,
       event.value,
       event.limit_value,
       event.unit,
       event.reason,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'transition', event.transition,
                   'at', event.noted_at,
                   'channel', sent.channel,
                   'state', sent.state,
                   'attempts', sent.attempts,
                   'accepted_at', message.accepted_at,
                   'recipients', message.recipients,
                   'error', sent.error_text)
                   ORDER BY sent.channel), '[]')
          FROM metrics.notification AS sent
          LEFT JOIN metrics.message ON message.message_id = sent.message_id
         WHERE sent.event_id = event.event_id)::text AS notices
  FROM metrics.alert_event AS event
 WHERE event.alert_id = %(alert_id)s
 ORDER BY event.ordinal
 LIMIT %(limit)s;

-- name: open_by_host
-- Of each host that has open alerts the worst of them, the oldest of these, and how many there are.
SELECT DISTINCT ON (host.name)
       host.name,
       alert.code,
       alert.subject,
       alert.severity,
       alert.opened_at,
       alert.acknowledged_by,
       alert.acknowledged_until_at,
       (SELECT event.event_id
          FROM metrics.alert_event AS event
         WHERE event.alert_id = alert.alert_id
         ORDER BY event.ordinal
         LIMIT 1) AS event_id,
       count(*) OVER (PARTITION BY host.name) AS alerts
  FROM metrics.alert
  JOIN metrics.host ON host.host_id = alert.host_id
 WHERE alert.state = 'open'
 ORDER BY host.name, alert.severity = 'critical' DESC, alert.opened_at, alert.alert_id;

-- name: marks
-- When alerts of these hosts were open between two times, or, without hosts, the critical ones of
-- any host that say how wrong its clock is; the worst first, then the newest.
SELECT host.name,
       alert.code,
       alert.subject,
       alert.severity,
       alert.opened_at,
       alert.closed_at
  FROM metrics.alert
  JOIN metrics.host ON host.host_id = alert.host_id
 WHERE alert.opened_at < %(to_at)s
   AND (alert.closed_at IS NULL OR alert.closed_at > %(from_at)s)
   AND ((%(hosts)s::text[] <> '{}' AND host.name = ANY (%(hosts)s::text[]))
        OR (%(hosts)s::text[] = '{}' AND alert.severity = 'critical'
            AND alert.code IN ('offset_high', 'error_bound_high')))
 ORDER BY alert.severity = 'critical' DESC, alert.opened_at DESC, alert.alert_id DESC
 LIMIT %(limit)s;
