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
INSERT INTO known_silence (is_only, payload) VALUES (1, :payload)
ON CONFLICT (is_only) DO UPDATE SET payload = excluded.payload;
