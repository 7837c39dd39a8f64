-- name: known_alerts
SELECT host, payload FROM known_alert;

-- name: put_alerts
INSERT INTO known_alert (host, payload) VALUES (:host, :payload)
ON CONFLICT (host) DO UPDATE SET payload = excluded.payload;

-- name: drop_alerts
DELETE FROM known_alert WHERE host = :host;

-- name: known_silences
SELECT payload FROM known_silence;

-- name: put_silences
INSERT INTO known_silence (payload) VALUES (:payload)
ON CONFLICT (is_only) DO UPDATE SET payload = excluded.payload;

-- name: newest_committed
-- Of each host; those of the last minute at least are there.
SELECT host, max(slot_us) FROM sample WHERE committed_at_s IS NOT NULL GROUP BY host;
