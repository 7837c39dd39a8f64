-- name: old_alerts
-- What is open or pending is never old. Host by host, so that the index finds it.
SELECT alert.alert_id
  FROM metrics.host AS host
  JOIN metrics.alert AS alert
    ON alert.host_id = host.host_id
   AND alert.state = 'closed'
   AND alert.closed_at < %(before_at)s
 LIMIT %(limit)s;

-- name: notification
DELETE FROM metrics.notification AS notification
 USING metrics.alert_event AS event
 WHERE event.alert_id = ANY (%(alert_ids)s::bigint[]) AND notification.event_id = event.event_id;

-- name: alert_event
DELETE FROM metrics.alert_event WHERE alert_id = ANY (%(alert_ids)s::bigint[]);

-- name: alert
DELETE FROM metrics.alert WHERE alert_id = ANY (%(alert_ids)s::bigint[]) AND state = 'closed';

-- name: message
-- One that tells of an alert that is kept is kept with it.
DELETE FROM metrics.message AS message
 WHERE message.message_id IN (
           SELECT old.message_id
             FROM metrics.message AS old
            WHERE old.made_at < %(before_at)s
              AND NOT EXISTS (SELECT
                                FROM metrics.notification AS notification
                               WHERE notification.message_id = old.message_id)
            LIMIT %(limit)s);

-- name: silence
DELETE FROM metrics.silence AS silence
 WHERE silence.silence_id IN (
           SELECT old.silence_id
             FROM metrics.silence AS old
            WHERE old.cancelled_at < %(before_at)s
               OR (old.recurrence IS NULL AND old.ends_at < %(before_at)s)
            LIMIT %(limit)s);

-- name: api_token
DELETE FROM metrics.api_token AS token
 WHERE token.token_id IN (
           SELECT old.token_id
             FROM metrics.api_token AS old
            WHERE old.expires_at < %(before_at)s OR old.revoked_at < %(before_at)s
            LIMIT %(limit)s);

-- name: recurring
-- Their rules say whether they are over.
SELECT silence_id, recurrence, time_zone, starts_at, ends_at
  FROM metrics.silence
 WHERE recurrence IS NOT NULL AND ends_at < %(before_at)s
 ORDER BY silence_id;

-- name: recurring_over
DELETE FROM metrics.silence WHERE silence_id = ANY (%(silence_ids)s::bigint[]);
