-- name: update_known
-- A receiver once seen stays known until the settings say otherwise: auto does not undo yes.
UPDATE metrics.host AS host
   SET target = given.target,
       role = given.role,
       group_name = given.group_name,
       has_gps = CASE WHEN given.has_gps = 'auto' AND host.has_gps = 'yes' THEN 'yes'
                      ELSE given.has_gps END,
       added_at = CASE WHEN host.removed_at IS NULL THEN host.added_at
                       ELSE clock_timestamp() END,
       removed_at = NULL
  FROM unnest(%(names)s::text[], %(targets)s::text[], %(roles)s::text[], %(has_gps)s::text[],
              %(group_names)s::text[])
       AS given (name, target, role, has_gps, group_name)
 WHERE host.name = given.name AND host.host_id <> 0;

-- name: insert_new
INSERT INTO metrics.host (name, target, role, has_gps, group_name)
SELECT given.name, given.target, given.role, given.has_gps, given.group_name
  FROM unnest(%(names)s::text[], %(targets)s::text[], %(roles)s::text[], %(has_gps)s::text[],
              %(group_names)s::text[])
       AS given (name, target, role, has_gps, group_name)
 WHERE NOT EXISTS (SELECT FROM metrics.host AS host WHERE host.name = given.name)
 ORDER BY given.name
ON CONFLICT (name) DO NOTHING;

-- name: mark_removed
UPDATE metrics.host
   SET removed_at = clock_timestamp()
 WHERE host_id <> 0 AND removed_at IS NULL AND name <> ALL (%(names)s::text[]);

-- name: hosts_with_gps
SELECT name FROM metrics.host WHERE name = ANY (%(names)s::text[]) AND has_gps = 'yes';

-- name: note_gps
UPDATE metrics.host SET has_gps = 'yes' WHERE name = ANY (%(names)s::text[]) AND has_gps = 'auto';

-- name: ids_by_name
SELECT name, host_id FROM metrics.host WHERE name = ANY (%(names)s::text[]) AND host_id <> 0;

-- name: insert_unwatched
-- A host that only the spool still knows: it has samples, but nobody looks at it any more.
INSERT INTO metrics.host (name, target, role, has_gps, removed_at)
SELECT name, '', 'server', 'auto', clock_timestamp()
  FROM unnest(%(names)s::text[]) AS given (name)
 ORDER BY name
ON CONFLICT (name) DO NOTHING;

-- name: note_configs
-- One row per change: nothing is written for a host whose newest row says the same.
INSERT INTO metrics.host_config (host_id, valid_from, config)
SELECT given.host_id, clock_timestamp(), given.config::jsonb
  FROM unnest(%(host_ids)s::integer[], %(configs)s::text[]) AS given (host_id, config)
 WHERE given.config::jsonb IS DISTINCT FROM (
           SELECT newest.config
             FROM metrics.host_config AS newest
            WHERE newest.host_id = given.host_id
            ORDER BY newest.valid_from DESC
            LIMIT 1)
 ORDER BY given.host_id;
