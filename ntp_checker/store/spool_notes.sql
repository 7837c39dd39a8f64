-- name: add_note
-- Decided once: what is decided again, after a restart, changes nothing.
INSERT INTO note (event_id, channel, group_key, state, not_before_us, error_text, settled_us,
                  subject)
VALUES (:event_id, :channel, :group_key, :state, :not_before_us, :error_text, :settled_us,
        :subject)
ON CONFLICT (event_id, channel) DO NOTHING;

-- name: still_to_come
SELECT note_id, channel, not_before_us, subject
  FROM note
 WHERE state = 'waiting' AND not_before_us > :now_us;

-- name: suppress
UPDATE note SET state = 'suppressed', error_text = :reason, settled_us = :now_us
 WHERE note_id = :note_id AND state = 'waiting';

-- name: due
-- What shares a message, as the database's outbox has it: one group; what has been late for long,
-- and old news, which wait for more of them; nothing with what a fault of ours kept back, nor with
-- a message that some of its recipients have.
SELECT note_id, channel, group_key, state, attempts, message_id, not_before_us, error_kind,
       error_text, settled_us, subject,
       CASE WHEN error_kind = :alone_kind THEN 'alone ' || note_id
            WHEN error_kind = :rest_kind THEN 'rest ' || message_id
            WHEN not_before_us < :late_us OR group_key = :old_news_key THEN 'late'
            ELSE 'group ' || group_key END AS message_key
  FROM note
 WHERE channel = :channel AND state = 'waiting' AND not_before_us <= :now_us
   AND coalesce(retry_us, 0) <= :now_us
   AND (group_key <> :old_news_key
        OR not_before_us < :late_us
        OR NOT EXISTS (SELECT 1 FROM note AS coming
                        WHERE coming.channel = note.channel AND coming.state = 'waiting'
                          AND coming.group_key = :old_news_key
                          AND coming.not_before_us > :now_us
                          AND coming.not_before_us <= 2 * :now_us - :late_us))
 ORDER BY coalesce(retry_us, not_before_us), note_id;

-- name: count_attempt
UPDATE note SET attempts = attempts + 1 WHERE note_id = :note_id;

-- name: all_notes
SELECT note_id, channel, group_key, state, attempts, message_id, not_before_us, error_kind,
       error_text, settled_us, subject
  FROM note
 ORDER BY note_id;

-- name: all_messages
SELECT message_id, channel, recipients, thread_key, title, body, made_us, accepted_us,
       provider_answer
  FROM note_message;

-- name: put_message
-- The same notes make the same message: what was tried before is replaced.
INSERT INTO note_message (message_id, channel, recipients, thread_key, title, body, made_us)
VALUES (:message_id, :channel, :recipients, :thread_key, :title, :body, :made_us)
ON CONFLICT (message_id) DO UPDATE
   SET recipients = excluded.recipients, title = excluded.title, body = excluded.body,
       made_us = excluded.made_us
 WHERE accepted_us IS NULL;

-- name: answer_message
UPDATE note_message SET accepted_us = :accepted_us, provider_answer = :answer
 WHERE message_id = :message_id AND accepted_us IS NULL;

-- name: settle
UPDATE note
   SET state = :state, message_id = :message_id, retry_us = :retry_us, error_kind = :error_kind,
       error_text = :error_text, settled_us = :settled_us
 WHERE note_id = :note_id AND state = 'waiting';

-- name: put_back
UPDATE note SET attempts = attempts - 1, retry_us = :retry_us
 WHERE note_id = :note_id AND state = 'waiting';

-- name: drop_notes
DELETE FROM note WHERE event_id = :event_id;

-- name: drop_all_notes
DELETE FROM note;

-- name: drop_messages
DELETE FROM note_message WHERE message_id NOT IN (SELECT message_id FROM note
                                                   WHERE message_id IS NOT NULL);

-- name: mark_away
INSERT INTO away (is_only, since_us) VALUES (1, :since_us) ON CONFLICT DO NOTHING;

-- name: unmark_away
DELETE FROM away;

-- name: is_away
SELECT count(*) FROM away;

-- name: count_notes
SELECT count(*) FROM note;

-- name: channels_due
SELECT DISTINCT channel FROM note WHERE state = 'waiting' AND not_before_us <= :until_us;
