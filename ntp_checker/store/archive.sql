-- Host by host, so that the primary keys find what is old.

-- name: rollup_5m
DELETE FROM metrics.rollup_5m AS rollup
 USING metrics.host AS host
 WHERE rollup.host_id = host.host_id AND rollup.bucket_at < %(before_at)s;

-- name: rollup_30m
DELETE FROM metrics.rollup_30m AS rollup
 USING metrics.host AS host
 WHERE rollup.host_id = host.host_id AND rollup.bucket_at < %(before_at)s;

-- name: rollup_2h
DELETE FROM metrics.rollup_2h AS rollup
 USING metrics.host AS host
 WHERE rollup.host_id = host.host_id AND rollup.bucket_at < %(before_at)s;

-- name: evidence
DELETE FROM metrics.evidence AS evidence
 USING metrics.host AS host
 WHERE evidence.host_id = host.host_id AND evidence.slot_at < %(before_at)s;

-- name: source_change
-- What was true at that moment stays known: of each source the last row before it, unless it had
-- left by then.
DELETE FROM metrics.source_change AS old
 USING metrics.host AS host
 WHERE old.host_id = host.host_id
   AND old.slot_at < %(before_at)s
   AND (NOT old.present
        OR EXISTS (SELECT
                     FROM metrics.source_change AS newer
                    WHERE newer.host_id = old.host_id
                      AND newer.mode = old.mode
                      AND newer.address = old.address
                      AND newer.slot_at > old.slot_at
                      AND newer.slot_at < %(before_at)s));
