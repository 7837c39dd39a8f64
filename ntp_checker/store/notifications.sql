-- name: queue
-- In one order for all, so that two never wait for each other.
INSERT INTO metrics.notification
       (event_id, channel, group_key, state, not_before_at, error_text, settled_at)
SELECT given.event_id, given.channel, given.group_key,
       CASE WHEN given.suppressed_by IS NULL THEN 'waiting' ELSE 'suppressed' END,
       coalesce(given.not_before_at, clock_timestamp()), given.suppressed_by,
       CASE WHEN given.suppressed_by IS NULL THEN NULL ELSE clock_timestamp() END
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (event_id uuid, channel text, group_key text, not_before_at timestamptz,
                 suppressed_by text)
 ORDER BY given.event_id, given.channel
ON CONFLICT (event_id, channel) DO NOTHING;

-- name: overtake
-- Of the same alert and channel what is not due yet and waits for longer than these, which end it or
-- are worse: a warning that waits for its hours would be read as news.
UPDATE metrics.notification AS earlier
   SET state = 'suppressed',
       error_text = %(reason)s,
       settled_at = clock_timestamp()
  FROM metrics.notification AS sooner
  JOIN metrics.alert_event AS event ON event.event_id = sooner.event_id
  JOIN metrics.alert_event AS before
    ON before.alert_id = event.alert_id AND before.ordinal < event.ordinal
 WHERE sooner.event_id = ANY (%(event_ids)s::uuid[])
   AND sooner.state IN ('waiting', 'claimed', 'accepted')
   AND (event.transition IN ('eased', 'resolved')
        OR (event.severity = 'critical' AND before.severity <> 'critical'))
   AND earlier.event_id = before.event_id
   AND earlier.channel = sooner.channel
   AND earlier.state = 'waiting'
   AND earlier.not_before_at > greatest(sooner.not_before_at, clock_timestamp());

-- name: suppress
-- What a sender has in hand goes out.
UPDATE metrics.notification
   SET state = 'suppressed',
       error_text = %(reason)s,
       settled_at = clock_timestamp()
 WHERE event_id = ANY (%(event_ids)s::uuid[]) AND state = 'waiting';

-- name: told
-- Who heard, or is about to hear, of the alerts that these transitions belong to; or that what they
-- are about had begun to flap, for then openings and closings were quiet until it came to rest.
-- Where they heard of something critical, that counts, and not what waits for its hours beside it.
WITH earlier AS (
    SELECT given.event_id AS given_id, event.event_id, event.severity = 'critical' AS is_critical
      FROM metrics.alert_event AS given
      JOIN metrics.alert_event AS event
        ON event.alert_id = given.alert_id AND event.ordinal < given.ordinal
     WHERE given.event_id = ANY (%(event_ids)s::uuid[])
     UNION ALL
    SELECT given.event_id, event.event_id, event.severity = 'critical'
      FROM metrics.alert_event AS given
      JOIN metrics.alert AS own ON own.alert_id = given.alert_id
      JOIN metrics.alert AS before
        ON before.host_id = own.host_id
       AND before.first_bad_slot_at < own.first_bad_slot_at
       AND before.first_bad_slot_at > own.first_bad_slot_at - interval '1 day'
       AND before.code = own.code
       AND before.subject = own.subject
      JOIN metrics.alert_event AS event
        ON event.alert_id = before.alert_id AND event.transition = 'flapping'
     WHERE given.event_id = ANY (%(event_ids)s::uuid[])
       AND given.transition IN ('eased', 'resolved')
)
SELECT DISTINCT ON (earlier.given_id, told.channel)
       earlier.given_id, told.channel,
       CASE WHEN told.state = 'waiting' THEN told.not_before_at END, told.group_key,
       earlier.is_critical
  FROM earlier
  JOIN metrics.notification AS told
    ON told.event_id = earlier.event_id AND told.state IN ('waiting', 'claimed', 'accepted')
 ORDER BY earlier.given_id, told.channel, earlier.is_critical DESC, told.state = 'waiting' DESC, told.not_before_at DESC,
          told.notification_id DESC;

-- name: claim
-- What shares a message: one group; what has been late for long, whatever its group, and old news,
-- which wait for each other while more of them are coming in; and nothing with what a fault of ours
-- kept back, nor with a message that some of its recipients have: the others get that very one. Of
-- these what has been due for longest, whole: whoever has its first row has them all,
-- and what another sender holds at this moment is passed by. What
-- failed goes to the end of the line, but when one of its message is due it goes along; so does
-- what is still to be told of the same alert's past, or its beginning would follow its end.
WITH untold AS (
    SELECT notification.notification_id, notification.event_id,
           coalesce(notification.retry_at, notification.not_before_at) AS due_at,
           CASE WHEN notification.error_kind = %(alone_kind)s
                THEN format('alone %%s', notification.notification_id)
                WHEN notification.error_kind = %(rest_kind)s
                THEN format('rest %%s', notification.message_id)
                WHEN notification.not_before_at
                     < statement_timestamp() - make_interval(secs => %(late_s)s)
                     OR notification.group_key = %(old_news_key)s
                THEN 'late'
                ELSE format('group %%s', notification.group_key) END AS message_key
      FROM metrics.notification AS notification
     WHERE notification.channel = %(channel)s
       AND notification.state IN ('waiting', 'claimed')
       AND notification.not_before_at <= statement_timestamp()
       AND (notification.state = 'waiting'
            OR notification.claimed_until_at <= statement_timestamp())
       AND (notification.group_key <> %(old_news_key)s
            OR notification.not_before_at
               < statement_timestamp() - make_interval(secs => %(late_s)s)
            OR NOT EXISTS (
                   SELECT
                     FROM metrics.notification AS coming
                    WHERE coming.channel = notification.channel
                      AND coming.state = 'waiting'
                      AND coming.group_key = %(old_news_key)s
                      AND coming.not_before_at > statement_timestamp()
                      AND coming.not_before_at
                          <= statement_timestamp() + make_interval(secs => %(late_s)s)))
),
placed AS (
    SELECT untold.notification_id, untold.event_id, untold.due_at, untold.message_key,
           row_number() OVER (PARTITION BY untold.message_key
                                  ORDER BY untold.due_at, untold.notification_id) AS place
      FROM untold
),
leader AS (
    SELECT first.notification_id
      FROM metrics.notification AS first
     WHERE first.notification_id IN (SELECT placed.notification_id FROM placed
                                      WHERE placed.place = 1
                                        AND placed.due_at <= statement_timestamp())
       AND first.state IN ('waiting', 'claimed')
       AND (first.retry_at IS NULL OR first.retry_at <= statement_timestamp())
       AND (first.state = 'waiting' OR first.claimed_until_at <= statement_timestamp())
     ORDER BY coalesce(first.retry_at, first.not_before_at), first.notification_id
     LIMIT 1
       FOR UPDATE OF first SKIP LOCKED
),
led AS (
    SELECT placed.notification_id, placed.event_id, placed.message_key
      FROM leader
      JOIN placed AS first ON first.notification_id = leader.notification_id
      JOIN placed ON placed.message_key = first.message_key
     WHERE placed.place <= %(limit)s OR starts_with(placed.message_key, 'rest ')
),
chosen AS (
    SELECT member.notification_id
      FROM metrics.notification AS member
     WHERE member.notification_id IN (
               SELECT led.notification_id
                 FROM led
                UNION
               SELECT earlier.notification_id
                 FROM led
                 JOIN metrics.alert_event AS event ON event.event_id = led.event_id
                 JOIN metrics.alert_event AS before
                   ON before.alert_id = event.alert_id AND before.ordinal < event.ordinal
                 JOIN metrics.notification AS earlier
                   ON earlier.event_id = before.event_id AND earlier.channel = %(channel)s
                WHERE NOT starts_with(led.message_key, 'alone ')
                  AND NOT starts_with(led.message_key, 'rest ')
                  AND earlier.error_kind IS DISTINCT FROM %(alone_kind)s
                  AND earlier.error_kind IS DISTINCT FROM %(rest_kind)s)
       AND member.not_before_at <= statement_timestamp()
       AND member.state IN ('waiting', 'claimed')
       AND (member.state = 'waiting' OR member.claimed_until_at <= statement_timestamp())
       FOR UPDATE OF member SKIP LOCKED
),
claimed AS (
    UPDATE metrics.notification AS notification
       SET state = 'claimed',
           claimed_by = %(owner)s,
           claim_epoch = notification.claim_epoch + 1,
           claimed_until_at = clock_timestamp() + make_interval(secs => %(claim_s)s),
           attempts = notification.attempts + 1
      FROM chosen
     WHERE notification.notification_id = chosen.notification_id
    RETURNING notification.notification_id, notification.claim_epoch, notification.channel,
              notification.group_key, notification.attempts, notification.error_kind,
              extract(epoch FROM clock_timestamp() - notification.not_before_at)::double precision
                  AS due_for_s, notification.event_id
)
SELECT claimed.notification_id, claimed.claim_epoch, claimed.channel, claimed.group_key,
       claimed.attempts, claimed.error_kind, claimed.due_for_s, alert.host_id, host.group_name,
       event.event_id, event.transition, event.ordinal, event.slot_at, event.severity,
       event.value, event.limit_value, event.unit, event.reason,
       host.name, alert.code, alert.subject, alert.state, alert.severity,
       alert.first_bad_slot_at, alert.last_slot_at, alert.last_good_slot_at, alert.opened_at,
       alert.closed_at, alert.bad_in_a_row, alert.good_in_a_row, alert.last_ordinal, alert.value,
       alert.peak_value, alert.limit_value, alert.unit, alert.reason, alert.changed_at,
       alert.flapping_since_at, alert.reminded_at, alert.acknowledged_by, alert.acknowledged_at,
       alert.acknowledged_until_at, alert.acknowledged_note
  FROM claimed
  JOIN metrics.alert_event AS event ON event.event_id = claimed.event_id
  JOIN metrics.alert AS alert ON alert.alert_id = event.alert_id
  JOIN metrics.host AS host ON host.host_id = alert.host_id
 ORDER BY event.slot_at, alert.alert_id, event.ordinal;

-- name: release
-- Of an owner that has started anew: nobody is sending these any more.
UPDATE metrics.notification
   SET claimed_until_at = clock_timestamp()
 WHERE channel = %(channel)s AND state = 'claimed' AND claimed_by = %(owner)s
   AND claimed_until_at > clock_timestamp();

-- name: hold
-- Those of a claim that are still the claimer's own.
UPDATE metrics.notification AS notification
   SET message_id = %(message_id)s
  FROM unnest(%(notification_ids)s::bigint[], %(claim_epochs)s::bigint[])
       AS held (notification_id, claim_epoch)
 WHERE notification.notification_id = held.notification_id
   AND notification.claim_epoch = held.claim_epoch
   AND notification.state = 'claimed'
RETURNING notification.notification_id;

-- name: store_message
-- The same notifications make the same message: what was tried before is replaced.
INSERT INTO metrics.message AS message
       (message_id, channel, recipients, thread_key, title, body, made_at)
VALUES (%(message_id)s, %(channel)s, %(recipients)s, %(thread_key)s, %(title)s, %(body)s,
        clock_timestamp())
ON CONFLICT (message_id) DO UPDATE
   SET recipients = EXCLUDED.recipients,
       title = EXCLUDED.title,
       body = EXCLUDED.body,
       made_at = EXCLUDED.made_at
 WHERE message.accepted_at IS NULL;

-- name: accept_message
UPDATE metrics.message
   SET accepted_at = clock_timestamp(),
       provider_answer = %(answer)s
 WHERE message_id = %(message_id)s;

-- name: refuse_message
UPDATE metrics.message
   SET provider_answer = %(answer)s
 WHERE message_id = %(message_id)s AND accepted_at IS NULL;

-- name: settle_accepted
UPDATE metrics.notification AS notification
   SET state = 'accepted',
       message_id = %(message_id)s,
       claimed_by = NULL,
       claimed_until_at = NULL,
       error_kind = NULL,
       error_text = NULL,
       settled_at = clock_timestamp()
  FROM unnest(%(notification_ids)s::bigint[], %(claim_epochs)s::bigint[])
       AS held (notification_id, claim_epoch)
 WHERE notification.notification_id = held.notification_id
   AND notification.claim_epoch = held.claim_epoch
   AND notification.state = 'claimed'
RETURNING notification.notification_id;

-- name: settle_retry
UPDATE metrics.notification AS notification
   SET state = 'waiting',
       claimed_by = NULL,
       claimed_until_at = NULL,
       retry_at = clock_timestamp() + make_interval(secs => %(delay_s)s),
       error_kind = %(error_kind)s,
       error_text = %(error_text)s
  FROM unnest(%(notification_ids)s::bigint[], %(claim_epochs)s::bigint[])
       AS held (notification_id, claim_epoch)
 WHERE notification.notification_id = held.notification_id
   AND notification.claim_epoch = held.claim_epoch
   AND notification.state = 'claimed'
RETURNING notification.notification_id;

-- name: put_back
-- What was claimed and not tried, for its channel takes a break.
UPDATE metrics.notification AS notification
   SET state = 'waiting',
       claimed_by = NULL,
       claimed_until_at = NULL,
       attempts = notification.attempts - 1,
       retry_at = clock_timestamp() + make_interval(secs => %(delay_s)s)
  FROM unnest(%(notification_ids)s::bigint[], %(claim_epochs)s::bigint[])
       AS held (notification_id, claim_epoch)
 WHERE notification.notification_id = held.notification_id
   AND notification.claim_epoch = held.claim_epoch
   AND notification.state = 'claimed'
RETURNING notification.notification_id;

-- name: settle_given_up
UPDATE metrics.notification AS notification
   SET state = 'given_up',
       claimed_by = NULL,
       claimed_until_at = NULL,
       error_kind = %(error_kind)s,
       error_text = %(error_text)s,
       settled_at = clock_timestamp()
  FROM unnest(%(notification_ids)s::bigint[], %(claim_epochs)s::bigint[])
       AS held (notification_id, claim_epoch)
 WHERE notification.notification_id = held.notification_id
   AND notification.claim_epoch = held.claim_epoch
   AND notification.state = 'claimed'
RETURNING notification.notification_id;

-- name: unknown_channels
SELECT DISTINCT channel
  FROM metrics.notification
 WHERE channel <> ALL (%(channels)s::text[])
   AND state IN ('waiting', 'claimed')
   AND not_before_at <= clock_timestamp() - make_interval(secs => %(due_for_s)s);

-- name: waiting_ages
-- Since it was due: what is deferred does not wait, what failed does; but not what somebody has.
SELECT channel, extract(epoch FROM clock_timestamp() - min(not_before_at))::double precision
  FROM metrics.notification
 WHERE state IN ('waiting', 'claimed') AND not_before_at <= statement_timestamp()
   AND error_kind IS DISTINCT FROM %(rest_kind)s
 GROUP BY channel;
