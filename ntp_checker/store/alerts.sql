-- name: lock_live
-- An acknowledgement that is being written is waited for; the next one waits for our commit.
SELECT alert.host_id, host.name, alert.code, alert.subject, alert.state, alert.severity,
       alert.first_bad_slot_at, alert.last_slot_at, alert.last_good_slot_at, alert.opened_at,
       alert.closed_at, alert.bad_in_a_row, alert.good_in_a_row, alert.last_ordinal, alert.value,
       alert.peak_value, alert.limit_value, alert.unit, alert.reason, alert.changed_at,
       alert.flapping_since_at, alert.reminded_at, alert.acknowledged_by, alert.acknowledged_at,
       alert.acknowledged_until_at, alert.acknowledged_note
  FROM metrics.alert AS alert
  JOIN metrics.host AS host ON host.host_id = alert.host_id
 WHERE alert.host_id = ANY (%(host_ids)s::integer[]) AND alert.state <> 'closed'
 ORDER BY alert.alert_id
   FOR NO KEY UPDATE OF alert;

-- name: read_closed
-- Of each host, code and subject the one that closed last.
SELECT DISTINCT ON (alert.host_id, alert.code, alert.subject)
       alert.host_id, host.name, alert.code, alert.subject, alert.state, alert.severity,
       alert.first_bad_slot_at, alert.last_slot_at, alert.last_good_slot_at, alert.opened_at,
       alert.closed_at, alert.bad_in_a_row, alert.good_in_a_row, alert.last_ordinal, alert.value,
       alert.peak_value, alert.limit_value, alert.unit, alert.reason, alert.changed_at,
       alert.flapping_since_at, alert.reminded_at, alert.acknowledged_by, alert.acknowledged_at,
       alert.acknowledged_until_at, alert.acknowledged_note
  FROM metrics.alert AS alert
  JOIN metrics.host AS host ON host.host_id = alert.host_id
 WHERE alert.host_id = ANY (%(host_ids)s::integer[]) AND alert.state = 'closed'
   AND alert.closed_at >= %(closed_since_at)s
 ORDER BY alert.host_id, alert.code, alert.subject, alert.closed_at DESC, alert.alert_id DESC;

-- name: judged_until
-- Alerts advance in the transaction that moves `latest`, before it does.
SELECT host_id, slot_at
  FROM metrics.latest
 WHERE host_id = ANY (%(host_ids)s::integer[]);

-- name: update_alerts
-- A closed one, too: when flapping has come to rest, that is noted where it closed last. When it
-- was last good was found here, and whoever has a copy of the alert may not know it.
UPDATE metrics.alert AS alert
   SET state = given.state,
       severity = given.severity,
       last_slot_at = given.last_slot_at,
       last_good_slot_at = coalesce(given.last_good_slot_at, alert.last_good_slot_at),
       opened_at = given.opened_at,
       closed_at = given.closed_at,
       bad_in_a_row = given.bad_in_a_row,
       good_in_a_row = given.good_in_a_row,
       last_ordinal = given.last_ordinal,
       value = given.value,
       peak_value = given.peak_value,
       limit_value = given.limit_value,
       unit = given.unit,
       reason = given.reason,
       changed_at = given.changed_at,
       flapping_since_at = given.flapping_since_at,
       reminded_at = given.reminded_at,
       acknowledged_by = given.acknowledged_by,
       acknowledged_at = given.acknowledged_at,
       acknowledged_until_at = given.acknowledged_until_at,
       acknowledged_note = given.acknowledged_note,
       lease_epoch = given.lease_epoch
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, code text, subject text, state text, severity text,
                 first_bad_slot_at timestamptz, last_slot_at timestamptz,
                 last_good_slot_at timestamptz, opened_at timestamptz, closed_at timestamptz,
                 bad_in_a_row integer, good_in_a_row integer, last_ordinal integer,
                 value double precision, peak_value double precision,
                 limit_value double precision, unit text, reason text, changed_at timestamptz[],
                 flapping_since_at timestamptz, reminded_at timestamptz, acknowledged_by text,
                 acknowledged_at timestamptz, acknowledged_until_at timestamptz,
                 acknowledged_note text, lease_epoch bigint)
 WHERE alert.host_id = given.host_id AND alert.code = given.code
   AND alert.subject = given.subject AND alert.first_bad_slot_at = given.first_bad_slot_at;

-- name: insert_alerts
-- After the update: an alert that closed has made room for the next one of its kind.
INSERT INTO metrics.alert
       (host_id, code, subject, state, severity, first_bad_slot_at, last_slot_at,
        last_good_slot_at, opened_at, closed_at, bad_in_a_row, good_in_a_row, last_ordinal, value,
        peak_value, limit_value, unit, reason, changed_at, flapping_since_at, reminded_at,
        acknowledged_by, acknowledged_at, acknowledged_until_at, acknowledged_note, lease_epoch)
SELECT given.host_id, given.code, given.subject, given.state, given.severity,
       given.first_bad_slot_at, given.last_slot_at, given.last_good_slot_at, given.opened_at,
       given.closed_at, given.bad_in_a_row, given.good_in_a_row, given.last_ordinal, given.value,
       given.peak_value, given.limit_value, given.unit, given.reason, given.changed_at,
       given.flapping_since_at, given.reminded_at, given.acknowledged_by, given.acknowledged_at,
       given.acknowledged_until_at, given.acknowledged_note, given.lease_epoch
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, code text, subject text, state text, severity text,
                 first_bad_slot_at timestamptz, last_slot_at timestamptz,
                 last_good_slot_at timestamptz, opened_at timestamptz, closed_at timestamptz,
                 bad_in_a_row integer, good_in_a_row integer, last_ordinal integer,
                 value double precision, peak_value double precision,
                 limit_value double precision, unit text, reason text, changed_at timestamptz[],
                 flapping_since_at timestamptz, reminded_at timestamptz, acknowledged_by text,
                 acknowledged_at timestamptz, acknowledged_until_at timestamptz,
                 acknowledged_note text, lease_epoch bigint)
 WHERE NOT EXISTS (
           SELECT
             FROM metrics.alert AS alert
            WHERE alert.host_id = given.host_id AND alert.code = given.code
              AND alert.subject = given.subject
              AND alert.first_bad_slot_at = given.first_bad_slot_at)
 ORDER BY given.host_id, given.first_bad_slot_at;

-- name: delete_silent
-- Pending ones that ended before anybody was told.
DELETE FROM metrics.alert AS alert
 USING jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, code text, subject text, first_bad_slot_at timestamptz)
 WHERE alert.host_id = given.host_id AND alert.code = given.code
   AND alert.subject = given.subject AND alert.first_bad_slot_at = given.first_bad_slot_at
   AND alert.state = 'pending';

-- name: insert_events
-- A transition without its alert is refused by the column, not left out.
INSERT INTO metrics.alert_event
       (event_id, alert_id, host_id, code, subject, transition, ordinal, slot_at, severity, value,
        limit_value, unit, reason)
SELECT given.event_id, alert.alert_id, given.host_id, given.code, given.subject, given.transition,
       given.ordinal, given.slot_at, given.severity, given.value, given.limit_value, given.unit,
       given.reason
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (event_id uuid, host_id integer, code text, subject text, transition text,
                 ordinal integer, first_bad_slot_at timestamptz, slot_at timestamptz,
                 severity text, value double precision, limit_value double precision, unit text,
                 reason text)
  LEFT JOIN metrics.alert AS alert
    ON alert.host_id = given.host_id AND alert.code = given.code
   AND alert.subject = given.subject AND alert.first_bad_slot_at = given.first_bad_slot_at
 ORDER BY given.host_id, given.slot_at, given.ordinal
ON CONFLICT (event_id) DO NOTHING
RETURNING event_id;
