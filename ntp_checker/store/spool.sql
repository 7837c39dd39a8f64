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
 WHERE committed_at_s IS NULL
 ORDER BY id
 LIMIT :limit;

-- name: mark_committed
UPDATE sample SET committed_at_s = :at_s WHERE id = :id AND committed_at_s IS NULL;

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
