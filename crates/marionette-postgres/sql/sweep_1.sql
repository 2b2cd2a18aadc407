-- Takes jobs from an instance that was seen to be dead, at this beat, and forgets it once it has
-- none. A sign of life that came since prevents it: then `lives` is true. The instance may be one
-- that is not listed. It need not be synced: what is lost is swept again.
CREATE FUNCTION marionette.bury_1(
    who uuid, its_beat int8, most int4,
    OUT lives bool, OUT released int4, OUT quarantined int4, OUT more bool
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
    known marionette.instance; held marionette.running; died int4;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    lives := false; released := 0; quarantined := 0; more := false;
    SELECT i.* INTO known FROM marionette.instance i WHERE i.id = who FOR UPDATE;
    IF FOUND AND known.beat IS DISTINCT FROM its_beat THEN
        lives := true;
        RETURN;
    END IF;
    FOR held IN
        SELECT r.* FROM marionette.running r WHERE r.instance = who
        ORDER BY r.instance, r.id LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM marionette.running r WHERE r.instance = who AND r.id = held.id;
        PERFORM marionette.record_1(held, now,
            greatest(0, coalesce(known.seen, now) - held.started) * 1000, 8::int2, NULL);
        UPDATE marionette.job SET crashes = crashes + 1 WHERE id = held.id
        RETURNING crashes INTO STRICT died;
        IF died >= 3 THEN
            PERFORM marionette.end_1(held, now, false, 7::int2, 5::int2, NULL, convert_to(format(
                'its instance died %s times while it had it; the last was %s', died, who),
                'SQL_ASCII'), NULL);
            quarantined := quarantined + 1;
        ELSIF marionette.wait_1(held, now, false, held.due) THEN
            released := released + 1;
        END IF;
    END LOOP;
    more := EXISTS (SELECT FROM marionette.running WHERE instance = who);
    IF NOT more THEN
        DELETE FROM marionette.instance WHERE id = who;
    END IF;
END $$;

-- Gives back jobs that a living instance has not named for the length of a lease: the answer to its
-- claim was lost. Returns how many wait.
CREATE FUNCTION marionette.free_1(who uuid, ids uuid[], tokens int8[]) RETURNS int4
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
    one record; held marionette.running; waits int4 := 0;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR one IN SELECT * FROM unnest(ids, tokens) u(id, token) ORDER BY u.id LOOP
        DELETE FROM marionette.running r
        WHERE r.instance = who AND r.id = one.id AND r.token = one.token
        RETURNING r.* INTO held;
        IF FOUND AND marionette.wait_1(held, now, false, held.due) THEN
            waits := waits + 1;
        END IF;
    END LOOP;
    RETURN waits;
END $$;

-- The instances with their beats, and those that have jobs and are not listed, without a beat: a
-- claim may have overtaken their burial.
CREATE FUNCTION marionette.beats_1() RETURNS TABLE (id uuid, beat int8) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    WITH RECURSIVE holders AS (
        (SELECT instance FROM marionette.running ORDER BY instance, id LIMIT 1)
        UNION ALL
        SELECT (SELECT r.instance FROM marionette.running r WHERE r.instance > h.instance
                ORDER BY r.instance, r.id LIMIT 1)
        FROM holders h WHERE h.instance IS NOT NULL)
    SELECT id, beat FROM marionette.instance
    UNION ALL
    SELECT h.instance, NULL FROM holders h
    WHERE h.instance IS NOT NULL
        AND NOT EXISTS (SELECT FROM marionette.instance i WHERE i.id = h.instance)
$$;

-- The newest done job beyond the number that is kept, which is in the order in which they ended.
CREATE FUNCTION marionette.beyond_1(kept int8, OUT ended int8, OUT id uuid) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
    SELECT e.ended, e.id FROM marionette.ended e WHERE e.state = 4 AND e.until IS NULL
    ORDER BY e.ended DESC, e.id DESC OFFSET kept LIMIT 1
$$;

-- Forgets jobs that ended: done ones up to a time and up to the one that `beyond_1` found, those
-- whose own time is over, and failed ones up to a time. Returns how many, `most` at the most. It
-- need not be synced.
CREATE FUNCTION marionette.prune_1(
    done_before int8, beyond_ended int8, beyond_id uuid, failed_before int8, most int4
) RETURNS int4 LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
    away uuid[] := '{}';
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    away := ARRAY(
        SELECT e.id FROM marionette.ended e WHERE e.state = 4 AND e.until IS NULL
            AND (e.ended, e.id) <= (done_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
        ORDER BY e.ended, e.id LIMIT most FOR UPDATE SKIP LOCKED);
    IF beyond_ended > done_before THEN
        away := away || ARRAY(
            SELECT e.id FROM marionette.ended e WHERE e.state = 4 AND e.until IS NULL
                AND (e.ended, e.id) > (done_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
                AND (e.ended, e.id) <= (beyond_ended, beyond_id)
            ORDER BY e.ended, e.id LIMIT most - cardinality(away) FOR UPDATE SKIP LOCKED);
    END IF;
    away := away || ARRAY(
        SELECT e.id FROM marionette.ended e WHERE e.until <= now
        ORDER BY e.until LIMIT most - cardinality(away) FOR UPDATE SKIP LOCKED);
    away := away || ARRAY(
        SELECT e.id FROM marionette.ended e WHERE e.state > 4 AND e.ended <= failed_before
        ORDER BY e.ended LIMIT most - cardinality(away) FOR UPDATE SKIP LOCKED);
    PERFORM marionette.forget_1(away);
    RETURN cardinality(away);
END $$;

-- Forgets jobs with their ends and their histories.
CREATE FUNCTION marionette.forget_1(ids uuid[]) RETURNS void LANGUAGE sql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    DELETE FROM marionette.ended WHERE id = ANY (ids);
    DELETE FROM marionette.attempt WHERE id = ANY (ids);
    DELETE FROM marionette.job WHERE id = ANY (ids)
$$;

-- Forgets activities that are as old as the oldest failed jobs that are kept. It need not be synced.
CREATE FUNCTION marionette.forget_old_1(kept int8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old int8;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT max(o.number) INTO old FROM (
        SELECT a.number, a.at FROM marionette.activity a ORDER BY a.number LIMIT 100) o
    WHERE o.at <= marionette.now_1() - kept;
    IF old IS NOT NULL THEN
        PERFORM marionette.forget_activities_1(old);
    END IF;
END $$;
