-- name: now
-- Not now(): that is when the transaction began.
SELECT clock_timestamp();
