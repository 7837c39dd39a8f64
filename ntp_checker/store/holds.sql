-- name: window_of
-- Until when those of one key wait for each other: the window that was opened first.
SELECT notification.not_before_at
  FROM metrics.notification
 WHERE notification.state = 'waiting'
   AND notification.group_key = %(group_key)s
   AND notification.not_before_at > %(at)s
   AND notification.not_before_at <= %(latest_at)s
 ORDER BY notification.not_before_at
 LIMIT 1;

-- name: suppress_held
-- Of what waits for one moment that which is over by now: its end, too, if it waits.
UPDATE metrics.notification AS notification
   SET state = 'suppressed',
       error_text = %(reason)s,
       settled_at = clock_timestamp()
  FROM metrics.alert_event AS event
  JOIN metrics.alert AS alert ON alert.alert_id = event.alert_id
 WHERE event.event_id = notification.event_id
   AND alert.state = 'closed'
   AND notification.group_key = %(group_key)s
   AND notification.state = 'waiting'
   AND notification.not_before_at > clock_timestamp();

-- name: release_held
UPDATE metrics.notification
   SET not_before_at = clock_timestamp()
 WHERE group_key = %(group_key)s
   AND state = 'waiting'
   AND not_before_at > clock_timestamp();
