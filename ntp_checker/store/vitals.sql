-- name: waiting
-- What is due and not sent, by channel: what is deferred does not wait, what failed does.
SELECT channel,
       count(*),
       extract(epoch FROM clock_timestamp() - min(not_before_at))::double precision
  FROM metrics.notification
 WHERE state IN ('waiting', 'claimed') AND not_before_at <= statement_timestamp()
 GROUP BY channel;

-- name: open_alerts
SELECT severity, count(*) FROM metrics.alert WHERE state = 'open' GROUP BY severity;

-- name: days_ahead
-- Up to the first UTC day after today that has no partition; a year and a day ahead at most.
SELECT coalesce(min(ahead) - 1, 367)
  FROM generate_series(1, 367) AS ahead
 WHERE to_regclass(format('metrics.ntp_%s',
           to_char((statement_timestamp() AT TIME ZONE 'UTC')::date + ahead, 'YYYYMMDD'))) IS NULL;
