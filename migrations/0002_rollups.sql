-- 0002 rollups: what keeps them right when rows are late or gone, and what is known of sources.

CREATE TABLE metrics.raw_retention (
    is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    kept_from_at timestamptz NOT NULL
);
COMMENT ON TABLE metrics.raw_retention IS 'One row: from when on all rows of ntp_parent are still there';
COMMENT ON COLUMN metrics.raw_retention.is_only IS 'True: there is no second row';
COMMENT ON COLUMN metrics.raw_retention.kept_from_at IS 'Days before it were or will be dropped; no rollup of theirs is computed again';
INSERT INTO metrics.raw_retention (kept_from_at) VALUES ('-infinity');

CREATE OR REPLACE FUNCTION metrics.maintain_partitions(retention_days integer, premake_days integer)
RETURNS TABLE (partition text, action text, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '5s'
AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    expired text[];
    free text[] := '{}';
    name text;
BEGIN
    IF retention_days IS NULL OR retention_days NOT BETWEEN 1 AND 36500 THEN
        RAISE EXCEPTION 'maintain_partitions: retention_days must be 1 to 36500, not %',
            coalesce(retention_days::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF premake_days IS NULL OR premake_days NOT BETWEEN 0 AND 366 THEN
        RAISE EXCEPTION 'maintain_partitions: premake_days must be 0 to 366, not %',
            coalesce(premake_days::text, 'NULL') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(x'6e74705f70617274'::bigint);

    action := 'create';
    FOR day_ahead IN 0 .. premake_days LOOP
        partition := 'ntp_' || to_char(today + day_ahead, 'YYYYMMDD');
        BEGIN
            outcome := CASE WHEN metrics.create_daily_partition(today + day_ahead)
                            THEN 'created' ELSE 'present' END;
        EXCEPTION
            WHEN lock_not_available THEN outcome := 'busy';
            WHEN duplicate_table OR check_violation OR insufficient_privilege OR disk_full
                THEN outcome := 'failed: ' || SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;

    action := 'drop';
    SELECT coalesce(array_agg(child.relname::text ORDER BY child.relname), '{}')
      INTO expired
      FROM pg_inherits AS link
      JOIN pg_class AS child ON child.oid = link.inhrelid
     WHERE link.inhparent = 'metrics.ntp_parent'::regclass
       AND child.relname ~ '^ntp_[0-9]{8}$'
       AND to_date(substr(child.relname, 5), 'YYYYMMDD') + 1 <= today - retention_days;
    IF expired = '{}' THEN
        RETURN;
    END IF;
    -- Said before the first row goes, and after every rollup that is being computed from them: a
    -- late row may make such a day again, and a rollup of that row alone would be wrong.
    BEGIN
        UPDATE metrics.raw_retention
           SET kept_from_at = greatest(kept_from_at, (today - retention_days)::timestamptz);
    EXCEPTION
        WHEN lock_not_available THEN
            outcome := 'busy';
            FOREACH partition IN ARRAY expired LOOP
                RETURN NEXT;
            END LOOP;
            RETURN;
    END;
    -- An insert waits behind whoever waits here, so a busy partition is left for the next run.
    SET LOCAL lock_timeout = '50ms';
    FOREACH partition IN ARRAY expired LOOP
        BEGIN
            EXECUTE format('LOCK TABLE metrics.%I IN ACCESS EXCLUSIVE MODE', partition);
            free := free || partition;
        EXCEPTION
            WHEN lock_not_available THEN
                outcome := 'busy';
                RETURN NEXT;
        END;
    END LOOP;
    IF free = '{}' THEN
        RETURN;
    END IF;
    -- Last of all, and once for all of them, the lock that inserts feel.
    BEGIN
        LOCK TABLE ONLY metrics.ntp_parent IN ACCESS EXCLUSIVE MODE;
        FOREACH name IN ARRAY free LOOP
            EXECUTE format('DROP TABLE metrics.%I', name);
        END LOOP;
        outcome := 'dropped';
    EXCEPTION
        WHEN lock_not_available THEN outcome := 'busy';
    END;
    FOREACH partition IN ARRAY free LOOP
        RETURN NEXT;
    END LOOP;
END
$$;

ALTER TABLE metrics.latest ADD COLUMN known_sources text;
COMMENT ON COLUMN metrics.latest.known_sources IS 'What source_change last said of the sources, as JSON: [mode, address, state, reach class] of each; NULL before the first list';

COMMENT ON COLUMN metrics.source_change.slot_at IS 'Slot at which it was seen first; late rows change nothing here';
COMMENT ON COLUMN metrics.evidence.part IS '0 login: why there was none; 1 tracking: all that chronyc printed; 3 gps: all that gpspipe printed';
COMMENT ON COLUMN metrics.rollup_5m_dirty.host_id IS 'Host; the fleet''s bucket goes with every host''s';
COMMENT ON COLUMN metrics.rollup_30m_dirty.host_id IS 'Host; the fleet''s bucket goes with every host''s';
COMMENT ON COLUMN metrics.rollup_2h_dirty.host_id IS 'Host; the fleet''s bucket goes with every host''s';
COMMENT ON COLUMN metrics.lease.epoch IS 'Grows by one whenever another owner takes the lease; a writer with an older one is refused';

-- Samples of before have no marks yet: all their buckets are to be computed once.
INSERT INTO metrics.rollup_5m_dirty (host_id, bucket_at)
SELECT DISTINCT host_id, date_bin('5 minutes', slot_at, timestamptz 'epoch')
  FROM metrics.ntp_parent;
INSERT INTO metrics.rollup_30m_dirty (host_id, bucket_at)
SELECT DISTINCT host_id, date_bin('30 minutes', bucket_at, timestamptz 'epoch')
  FROM metrics.rollup_5m_dirty;
INSERT INTO metrics.rollup_2h_dirty (host_id, bucket_at)
SELECT DISTINCT host_id, date_bin('2 hours', bucket_at, timestamptz 'epoch')
  FROM metrics.rollup_5m_dirty;

SELECT metrics.grant_access();
