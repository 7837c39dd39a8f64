-- name: insert_sample
INSERT INTO sample (host, slot_us, lease_epoch, payload, spooled_at_s)
VALUES (:host, :slot_us, :lease_epoch, :payload, :at_s)
ON CONFLICT (host, slot_us) DO NOTHING;

-- name: insert_rejected
INSERT INTO rejected (host, slot_us, lease_epoch, payload, reason, rejected_at_s)
VALUES (:host, :slot_us, :lease_epoch, :payload, :reason, :at_s)
ON CONFLICT (host, slot_us) DO NOTHING;

-- name: uncommitted
SELECT id, host, slot_us, lease_epoch, payload
  FROM sample
 WHERE committed_at_s IS NULL AND id > :after_id
 ORDER BY id
 LIMIT :limit;

-- name: last
SELECT id, host, slot_us, lease_epoch, payload
  FROM sample
 WHERE host = :host AND slot_us <= :until_us
 ORDER BY slot_us DESC
 LIMIT :limit;

-- name: newest_committed
SELECT host, max(slot_us) FROM sample WHERE committed_at_s IS NOT NULL GROUP BY host;

-- name: mark_committed
UPDATE sample SET committed_at_s = :at_s WHERE id = :id AND committed_at_s IS NULL;

-- name: delete_committed
DELETE FROM sample WHERE id = :id AND committed_at_s IS NULL;

-- name: purge_samples
DELETE FROM sample
 WHERE id IN (SELECT id FROM sample WHERE committed_at_s < :before_s LIMIT :limit);

-- name: purge_rejected
-- The newest are enough to find the cause.
DELETE FROM rejected WHERE id <= (SELECT max(id) FROM rejected) - :kept;

-- name: depth
SELECT count(*) FROM sample WHERE committed_at_s IS NULL;

-- name: oldest_uncommitted
SELECT spooled_at_s FROM sample WHERE committed_at_s IS NULL ORDER BY id LIMIT 1;

-- name: owner
SELECT name FROM owner;

-- name: leases
SELECT host, epoch FROM lease;

-- name: note_lease
INSERT INTO lease (host, epoch) VALUES (:host, :epoch)
ON CONFLICT (host) DO UPDATE SET epoch = excluded.epoch;

-- name: newest_before
SELECT max(slot_us) FROM sample WHERE host = :host AND slot_us < :before_us;

-- name: next_to_thin
-- The last row of the next piece that may be thinned out; NULL after the last.
SELECT max(id)
  FROM (SELECT id FROM sample
         WHERE committed_at_s IS NULL AND id > :after_id
         ORDER BY id
         LIMIT :rows);

-- name: choose_to_thin
-- Of each host the first of every so many stays; of the others, only that there was one.
CREATE TEMPORARY TABLE thinned AS
SELECT id, host, slot_us, lease_epoch, spooled_at_s
  FROM (SELECT id, host, slot_us, lease_epoch, spooled_at_s,
               row_number() OVER (PARTITION BY host ORDER BY slot_us) AS number
          FROM sample
         WHERE committed_at_s IS NULL AND length(payload) > 0
           AND id > :after_id AND id <= :last_id)
 WHERE number % :keep_every <> 1;

-- name: thin_out
-- Deleted and made again: a row that only shrinks gives no page back.
DELETE FROM sample WHERE id IN (SELECT id FROM thinned);

-- name: leave_marks
INSERT INTO sample (id, host, slot_us, lease_epoch, payload, spooled_at_s)
SELECT id, host, slot_us, lease_epoch, x'', spooled_at_s FROM thinned ORDER BY id;

-- name: forget_thinned
DROP TABLE thinned;
