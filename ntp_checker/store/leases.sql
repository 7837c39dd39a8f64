-- name: take_all
-- The same owner's epoch stays: what it spooled before a restart was taken under it.
INSERT INTO metrics.lease AS lease (host_id, owner, epoch)
SELECT host_id, %(owner)s, 1
  FROM unnest(%(host_ids)s::integer[]) AS given (host_id)
 ORDER BY host_id
ON CONFLICT (host_id) DO UPDATE
   SET owner = EXCLUDED.owner,
       epoch = lease.epoch + (lease.owner <> EXCLUDED.owner)::integer,
       taken_at = CASE WHEN lease.owner = EXCLUDED.owner THEN lease.taken_at
                       ELSE clock_timestamp() END,
       expires_at = 'infinity'
RETURNING host_id, epoch;

-- name: lock_lease
SELECT epoch
  FROM metrics.lease
 WHERE host_id = %(host_id)s AND owner = %(owner)s AND expires_at > clock_timestamp()
   FOR NO KEY UPDATE;

-- name: owners
SELECT DISTINCT owner FROM metrics.lease WHERE expires_at > clock_timestamp();
