-- name: token_in_force
-- The token with this SHA-256, unless it was revoked or has ended by this server's clock.
SELECT token_id, name, scope
  FROM metrics.api_token
 WHERE token_sha256 = %(token_sha256)s
   AND revoked_at IS NULL
   AND (expires_at IS NULL OR expires_at > clock_timestamp());

-- name: note_token_used
UPDATE metrics.api_token SET last_used_at = clock_timestamp() WHERE token_id = %(token_id)s;

-- name: add_token
-- Valid for so many days from now; for ever where they are NULL. Nothing comes back for a name that
-- was given away before.
INSERT INTO metrics.api_token (name, token_sha256, scope, created_by, expires_at)
VALUES (%(name)s, %(token_sha256)s, %(scope)s, %(created_by)s,
        clock_timestamp() + make_interval(days => %(days)s::integer))
ON CONFLICT (name) DO NOTHING
RETURNING name;

-- name: tokens
SELECT name,
       scope,
       created_by,
       created_at,
       expires_at,
       last_used_at,
       revoked_at,
       coalesce(expires_at <= clock_timestamp(), false) AS is_over
  FROM metrics.api_token
 ORDER BY name;

-- name: revoke_token
UPDATE metrics.api_token
   SET revoked_at = clock_timestamp()
 WHERE name = %(name)s AND revoked_at IS NULL
RETURNING name;
