-- name: troubles_of
-- What is pending or open, of these codes, at these hosts, or was until a moment ago.
SELECT host.name, alert.code, alert.first_bad_slot_at
  FROM metrics.alert AS alert
  JOIN metrics.host AS host ON host.host_id = alert.host_id
 WHERE host.name = ANY (%(names)s::text[])
   AND alert.code = ANY (%(codes)s::text[])
   AND (alert.state <> 'closed'
        OR alert.closed_at >= clock_timestamp() - make_interval(secs => %(healing_s)s));
