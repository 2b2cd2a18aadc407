-- Locks the first due jobs of these lanes, those that have been due for longest: at most so many
-- jobs, suspects among them, and bytes, but at least one. Jobs that others have locked are theirs.
CREATE FUNCTION marionette.pick_1(
    lanes int8[], lows int8[], up_to int8, most int4, suspects int4
) RETURNS TABLE (at tid, lane int8, is_last bool) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.at, c.lane, c.total > 16777216 FROM (
        SELECT b.*, sum(coalesce(b.bytes, 0)) OVER (ORDER BY b.due, b.id ROWS UNBOUNDED PRECEDING)
            AS total
        FROM (
            SELECT w.*, row_number() OVER (PARTITION BY w.lane & 1 ORDER BY w.due, w.id) AS nth
            FROM unnest(lanes, lows) l(lane, low)
            CROSS JOIN LATERAL (
                SELECT ctid AS at, q.lane, q.due, q.id, q.bytes FROM marionette.waiting q
                WHERE q.lane = l.lane AND q.due <= up_to AND q.due >= l.low
                ORDER BY q.lane, q.due, q.id
                LIMIT CASE WHEN l.lane & 1 = 1 THEN least(suspects, most) ELSE most END
                FOR UPDATE SKIP LOCKED) w) b
        WHERE b.lane & 1 = 0 OR b.nth <= suspects
        ORDER BY b.due, b.id LIMIT most) c
    WHERE c.total - coalesce(c.bytes, 0) < 16777216;
END $$;

-- Gives an instance jobs that are due: the highest priority first, within a priority the job that
-- has been due for longest. They come in no order. `wanted_queues` NULL stands for all. At most
-- `suspects` of them are suspects.
--
-- `low_lanes` and `lows` are hints: below that time no job waits in that lane, as the caller has
-- seen. A claim reads from the left end of a lane over every dead row that a snapshot somewhere
-- still holds, and with a hint it does not. A hint may be too high, so the caller leaves it out
-- from time to time.
--
-- A claim need not be synced: a job whose claim is lost is given away again with another token.
-- Each statement has one plan, by its indexes alone: statistics of tables that fill and empty within
-- a second are always wrong.
CREATE FUNCTION marionette.claim_1(
    who uuid, wanted_kinds text[], wanted_queues text[], most int4, suspects int4,
    low_lanes int8[], lows int8[]
) RETURNS TABLE (
    id uuid, token int8, previous int8, at int8, queue text, kind text, priority int2, lane int8,
    due int8, first_due int8, failed int4, crashes int4, history int4, options bytea, payload bytea
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
    rest int4 := most;
    doubtful int4 := suspects;
    tier record;
    picks tid[]; dubious int4; reach int4; tries int4; up_to int8; is_full bool;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    IF NOT EXISTS (SELECT FROM marionette.instance i WHERE i.id = who) THEN
        RAISE EXCEPTION 'instance % is not known; it may claim once it has renewed', who
            USING ERRCODE = 'MN001';
    END IF;
    FOR tier IN
        SELECT l.priority, array_agg(w.lane) AS lanes, array_agg(w.low) AS lows
        FROM marionette.lane l
        CROSS JOIN LATERAL (
            SELECT s.lane, coalesce(lows[array_position(low_lanes, s.lane)], -9223372036854775808)
                AS low
            FROM (VALUES (l.id), (l.id | 1)) s(lane)
            WHERE s.lane = l.id OR suspects > 0) w
        WHERE l.kind = ANY (wanted_kinds)
            AND (wanted_queues IS NULL OR l.queue = ANY (wanted_queues))
            AND NOT EXISTS (SELECT FROM marionette.paused p WHERE p.queue = l.queue)
            AND EXISTS (SELECT FROM marionette.waiting q
                        WHERE q.lane = w.lane AND q.due <= now AND q.due >= w.low)
        GROUP BY l.priority ORDER BY l.priority DESC
    LOOP
        reach := rest;
        FOR tries IN 1 .. 4 LOOP
            EXIT WHEN rest <= 0;
            -- Up to which time the lanes are read: so a lane locks hardly more than it gives. If
            -- others are faster, the next try reaches further.
            up_to := now;
            IF cardinality(tier.lanes) > 1 THEN
                SELECT max(c.due) INTO up_to FROM (
                    SELECT q.due FROM unnest(tier.lanes, tier.lows) l(lane, low)
                    CROSS JOIN LATERAL (
                        SELECT w.due FROM marionette.waiting w
                        WHERE w.lane = l.lane AND w.due <= now AND w.due >= l.low
                        ORDER BY w.lane, w.due, w.id
                        LIMIT CASE WHEN l.lane & 1 = 1 THEN least(doubtful, reach) ELSE reach END) q
                    ORDER BY q.due LIMIT reach) c;
            END IF;
            SELECT array_agg(p.at), count(*) FILTER (WHERE p.lane & 1 = 1), bool_or(p.is_last)
            INTO picks, dubious, is_full
            FROM marionette.pick_1(tier.lanes, tier.lows, up_to, rest, doubtful) p;
            RETURN QUERY
            WITH taken AS MATERIALIZED (
                DELETE FROM marionette.waiting WHERE ctid = ANY (picks)
                RETURNING lane, due, id, keep, bytes, token AS previous,
                    marionette.token_1(token, now) AS token),
            held AS (
                INSERT INTO marionette.running
                    (instance, id, token, lane, due, started, keep, bytes)
                SELECT who, id, token, lane, due, now, keep, bytes FROM taken)
            SELECT t.id, t.token, t.previous, now, l.queue, l.kind, l.priority, t.lane, t.due,
                j.first_due, j.failed, j.crashes, j.history, j.options, j.payload
            FROM taken t
            CROSS JOIN LATERAL (
                SELECT queue, kind, priority FROM marionette.lane
                WHERE id = t.lane & ~1::int8 OFFSET 0) l
            CROSS JOIN LATERAL (
                SELECT first_due, failed, crashes, history, options, payload FROM marionette.job
                WHERE id = t.id OFFSET 0) j;
            rest := CASE WHEN is_full THEN 0 ELSE rest - coalesce(cardinality(picks), 0) END;
            doubtful := doubtful - dubious;
            EXIT WHEN cardinality(tier.lanes) = 1;
            reach := reach * 4;
        END LOOP;
        EXIT WHEN rest <= 0;
    END LOOP;
END $$;

-- When the next job of these is due, and whether one of them is a suspect that is due already, which
-- an instance may not be allowed to claim. NULL if none waits.
CREATE FUNCTION marionette.look_1(
    wanted_kinds text[], wanted_queues text[], OUT next int8, OUT suspect bool, OUT at int8
) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
BEGIN
    at := marionette.now_1();
    SELECT min(q.due) FILTER (WHERE w.lane & 1 = 0 OR q.due > at),
        coalesce(bool_or(w.lane & 1 = 1 AND q.due <= at), false)
    INTO next, suspect
    FROM marionette.lane l
    CROSS JOIN LATERAL (VALUES (l.id, -9223372036854775808), (l.id | 1, at), (l.id | 1,
        -9223372036854775808)) w(lane, low)
    CROSS JOIN LATERAL (
        SELECT due FROM marionette.waiting
        WHERE lane = w.lane AND due > w.low ORDER BY lane, due, id LIMIT 1) q
    WHERE l.kind = ANY (wanted_kinds)
        AND (wanted_queues IS NULL OR l.queue = ANY (wanted_queues))
        AND NOT EXISTS (SELECT FROM marionette.paused p WHERE p.queue = l.queue);
END $$;

-- The failed attempts of these jobs, as far as they are kept, for the instance that claimed them.
CREATE FUNCTION marionette.failures_1(ids uuid[]) RETURNS TABLE (
    id uuid, number int4, ran int8, outcome int2, error bytea, instance uuid
) LANGUAGE sql STABLE AS $$
    SELECT a.id, a.number, a.ran, a.outcome, a.error, a.instance
    FROM unnest(ids) u(id) CROSS JOIN LATERAL (
        SELECT * FROM marionette.attempt t
        WHERE t.id = u.id AND t.outcome BETWEEN 1 AND 4 OFFSET 0) a
    ORDER BY a.id, a.n
$$;
