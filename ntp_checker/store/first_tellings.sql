-- name: first_tellings
-- For each of these transitions the message in which this channel heard of its alert first, with the
-- alerts of which that message told first, and how many of them are not over now. One that had
-- ended by then had no life that the channel heard of.
WITH heard AS (
    SELECT DISTINCT ON (given.event_id) given.event_id, told.message_id
      FROM metrics.alert_event AS given
      JOIN metrics.alert_event AS event ON event.alert_id = given.alert_id
      JOIN metrics.notification AS told
        ON told.event_id = event.event_id
       AND told.channel = %(channel)s
       AND told.state = 'accepted'
     WHERE given.event_id = ANY (%(event_ids)s::uuid[]) AND told.message_id IS NOT NULL
     ORDER BY given.event_id, event.ordinal
),
member AS (
    SELECT told.message_id, event.alert_id, min(event.ordinal) AS ordinal
      FROM metrics.notification AS told
      JOIN metrics.alert_event AS event ON event.event_id = told.event_id
     WHERE told.message_id IN (SELECT heard.message_id FROM heard) AND told.state = 'accepted'
     GROUP BY told.message_id, event.alert_id
    HAVING NOT bool_or(event.transition = 'resolved')
),
counted AS (
    SELECT member.message_id,
           count(*) AS alerts,
           count(*) FILTER (WHERE alert.state <> 'closed') AS open_alerts
      FROM member
      JOIN metrics.alert AS alert ON alert.alert_id = member.alert_id
     WHERE NOT EXISTS (
               SELECT
                 FROM metrics.alert_event AS before
                 JOIN metrics.notification AS told
                   ON told.event_id = before.event_id
                  AND told.channel = %(channel)s
                  AND told.state = 'accepted'
                WHERE before.alert_id = member.alert_id AND before.ordinal < member.ordinal)
     GROUP BY member.message_id
)
SELECT heard.event_id, counted.message_id, counted.alerts, counted.open_alerts
  FROM heard
  JOIN counted ON counted.message_id = heard.message_id;
