-- name: lock_leases
-- Until the transaction's end nobody takes these leases, and no second writer of ours is between
-- here and its commit. In one order for all, so that two never wait for each other.
SELECT lease.host_id
  FROM metrics.lease AS lease
  JOIN unnest(%(host_ids)s::integer[], %(epochs)s::bigint[]) AS given (host_id, epoch)
    ON given.host_id = lease.host_id AND given.epoch = lease.epoch
 ORDER BY lease.host_id
   FOR NO KEY UPDATE OF lease;

-- name: read_present
-- A statement of its own after the locks: it sees what their last holder left.
SELECT latest.host_id, latest.slot_at, latest.known_sources
  FROM metrics.latest AS latest
 WHERE latest.host_id = ANY (%(host_ids)s::integer[]);

-- name: store_latest
-- Only forwards in time. A look without a list of sources leaves what was known of them.
INSERT INTO metrics.latest AS latest
       (host_id, status, slot_at, lease_epoch, sample, sources, satellites, known_sources)
SELECT given.host_id, given.status, given.slot_at, given.lease_epoch,
       given.sample::jsonb, given.sources::jsonb, given.satellites::jsonb, given.known_sources
  FROM unnest(%(host_ids)s::integer[], %(statuses)s::smallint[], %(slot_ats)s::timestamptz[],
              %(epochs)s::bigint[], %(samples)s::text[], %(sources)s::text[],
              %(satellites)s::text[], %(known_sources)s::text[])
       AS given (host_id, status, slot_at, lease_epoch, sample, sources, satellites,
                 known_sources)
 ORDER BY given.host_id
ON CONFLICT (host_id) DO UPDATE
   SET status = EXCLUDED.status,
       slot_at = EXCLUDED.slot_at,
       lease_epoch = EXCLUDED.lease_epoch,
       stored_at = clock_timestamp(),
       sample = EXCLUDED.sample,
       sources = EXCLUDED.sources,
       satellites = EXCLUDED.satellites,
       known_sources = coalesce(EXCLUDED.known_sources, latest.known_sources)
 WHERE latest.slot_at < EXCLUDED.slot_at;

-- name: insert_source_changes
INSERT INTO metrics.source_change
       (host_id, slot_at, mode, address, present, state, reach, reach_class, stratum)
SELECT given.host_id, given.slot_at, given.mode, given.address, given.state IS NOT NULL,
       given.state, given.reach, given.reach_class, given.stratum
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, slot_at timestamptz, mode smallint, address text,
                 state smallint, reach smallint, reach_class smallint, stratum smallint)
ON CONFLICT (host_id, slot_at, mode, address) DO NOTHING;

-- name: store_raw
-- At most once a minute is the checker's business; here only never backwards.
INSERT INTO metrics.latest_raw AS latest_raw (host_id, taken_at, chrony_text, gps_text)
SELECT given.host_id, given.taken_at, given.chrony_text, given.gps_text
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, taken_at timestamptz, chrony_text text, gps_text text)
 ORDER BY given.host_id
ON CONFLICT (host_id) DO UPDATE
   SET taken_at = EXCLUDED.taken_at,
       chrony_text = EXCLUDED.chrony_text,
       gps_text = EXCLUDED.gps_text
 WHERE latest_raw.taken_at < EXCLUDED.taken_at;

-- name: insert_evidence
INSERT INTO metrics.evidence (host_id, slot_at, part, taken_at, raw_text)
SELECT given.host_id, given.slot_at, given.part, given.taken_at, given.raw_text
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (host_id integer, slot_at timestamptz, part smallint, taken_at timestamptz,
                 raw_text text)
ON CONFLICT (host_id, slot_at, part) DO NOTHING;
