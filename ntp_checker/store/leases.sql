-- name: take_all
INSERT INTO metrics.lease AS lease (host_id, owner, epoch)
SELECT host_id, %(owner)s, 1
  FROM unnest(%(host_ids)s::integer[]) AS given (host_id)
 ORDER BY host_id
ON CONFLICT (host_id) DO UPDATE
   SET owner = EXCLUDED.owner,
       epoch = lease.epoch + 1,
       taken_at = clock_timestamp(),
       expires_at = 'infinity'
RETURNING host_id, epoch;
