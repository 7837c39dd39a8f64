-- name: groups_now
-- Of each group of hosts ('' = those without one) how many alerts had a transition since then or
-- are on their way to one (pending, good again, about to be reminded of), and how many hosts.
WITH moving AS (
    SELECT alert.alert_id, alert.host_id
      FROM metrics.alert AS alert
     WHERE alert.state <> 'closed'
       AND (alert.state = 'pending'
            OR (alert.bad_in_a_row = 0 AND alert.good_in_a_row > 0)
            OR (alert.reminded_at BETWEEN %(reminded_from_at)s AND %(reminded_to_at)s
                AND alert.acknowledged_at IS NULL))
    UNION
    SELECT event.alert_id, event.host_id
      FROM metrics.alert_event AS event
     WHERE event.slot_at >= %(since_at)s
), counted AS (
    SELECT host.group_name, 1 AS alerts, 0 AS hosts
      FROM moving
      JOIN metrics.host AS host ON host.host_id = moving.host_id AND host.host_id > 0
    UNION ALL
    SELECT host.group_name, 0, 1
      FROM metrics.host AS host
     WHERE host.host_id > 0 AND host.removed_at IS NULL
)
SELECT coalesce(counted.group_name, ''), sum(counted.alerts), sum(counted.hosts)
  FROM counted
 GROUP BY coalesce(counted.group_name, '');

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
