-- 0003 alerts: what the checker reads of them with every batch is found by an index.

CREATE INDEX alert_closed ON metrics.alert (host_id, closed_at) WHERE state = 'closed';
-- An alert's row changes with every look while it lives: the new version finds room beside it.
ALTER TABLE metrics.alert SET (fillfactor = 70);

ALTER TABLE metrics.notification ADD COLUMN retry_at timestamptz;
COMMENT ON COLUMN metrics.notification.retry_at IS 'Next attempt after one that failed, by this server''s clock; NULL if none failed';
