-- name: known_events
SELECT event_id FROM metrics.alert_event WHERE event_id = ANY (%(event_ids)s::uuid[]);

-- name: store_messages
-- One that was tried from here before the database went away may be there.
INSERT INTO metrics.message AS message
       (message_id, channel, recipients, thread_key, title, body, made_at, accepted_at,
        provider_answer, sent_without_database)
SELECT given.message_id, given.channel, given.recipients, given.thread_key, given.title,
       given.body, given.made_at, given.accepted_at, given.provider_answer, true
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (message_id uuid, channel text, recipients text[], thread_key text, title text,
                 body text, made_at timestamptz, accepted_at timestamptz, provider_answer text)
 ORDER BY given.message_id
ON CONFLICT (message_id) DO UPDATE
   SET recipients = EXCLUDED.recipients,
       title = EXCLUDED.title,
       body = EXCLUDED.body,
       made_at = EXCLUDED.made_at,
       accepted_at = EXCLUDED.accepted_at,
       provider_answer = EXCLUDED.provider_answer,
       sent_without_database = true
 WHERE message.accepted_at IS NULL;

-- name: settle_noted
-- Whoever holds a claim on one is refused when it settles.
INSERT INTO metrics.notification AS notification
       (event_id, channel, group_key, state, attempts, message_id, error_kind, error_text,
        settled_at)
SELECT given.event_id, given.channel, given.group_key, given.state, given.attempts,
       given.message_id, given.error_kind, given.error_text, given.settled_at
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (event_id uuid, channel text, group_key text, state text, attempts integer,
                 message_id uuid, error_kind text, error_text text, settled_at timestamptz)
 ORDER BY given.event_id, given.channel
ON CONFLICT (event_id, channel) DO UPDATE
   SET state = EXCLUDED.state,
       attempts = notification.attempts + EXCLUDED.attempts,
       claimed_by = NULL,
       claimed_until_at = NULL,
       claim_epoch = notification.claim_epoch + 1,
       retry_at = NULL,
       message_id = EXCLUDED.message_id,
       error_kind = EXCLUDED.error_kind,
       error_text = EXCLUDED.error_text,
       settled_at = EXCLUDED.settled_at
 WHERE notification.state IN ('waiting', 'claimed');
