-- name: groups_now
-- For each of these groups ('' = hosts without one) how many of its alerts are pending or opened
-- since then, and how many hosts it has.
SELECT wanted.group_name,
       (SELECT count(*)
          FROM metrics.alert
          JOIN metrics.host ON host.host_id = alert.host_id
         WHERE alert.state <> 'closed'
           AND coalesce(host.group_name, '') = wanted.group_name
           AND (alert.state = 'pending' OR alert.opened_at >= %(opened_since_at)s)) AS alerts,
       (SELECT count(*)
          FROM metrics.host
         WHERE host.host_id > 0
           AND host.removed_at IS NULL
           AND coalesce(host.group_name, '') = wanted.group_name) AS hosts
  FROM unnest(%(group_names)s::text[]) AS wanted (group_name);

-- name: withheld_now
-- For each of these groups ('' = hosts without one) how many of its open alerts nobody was told of,
-- or only since then and not when they opened. What flaps is quiet anyway.
SELECT wanted.group_name,
       (SELECT count(*)
          FROM metrics.alert
          JOIN metrics.host ON host.host_id = alert.host_id
         WHERE alert.state = 'open'
           AND alert.flapping_since_at IS NULL
           AND coalesce(host.group_name, '') = wanted.group_name
           AND (alert.reminded_at IS NULL
                OR (alert.reminded_at >= %(told_since_at)s
                    AND alert.reminded_at > alert.opened_at))) AS alerts
  FROM unnest(%(group_names)s::text[]) AS wanted (group_name);

-- name: left_hosts
-- Hosts that are watched no more, while alerts of them live, under a lease of this owner.
SELECT DISTINCT alert.host_id, lease.epoch
  FROM metrics.alert
  JOIN metrics.host ON host.host_id = alert.host_id
  JOIN metrics.lease ON lease.host_id = alert.host_id
 WHERE alert.state <> 'closed'
   AND host.host_id > 0
   AND host.removed_at IS NOT NULL
   AND lease.owner = %(owner)s;
