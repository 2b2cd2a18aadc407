-- Writes what became of claimed jobs. A lease is an instance, a job and a token, and comes once in
-- a call. Returns for each whether it is written, now or before.
--
-- What follows: 0 done, 1 done without a result, 2 retry, 3 snooze, 4 release, 5 bury, 6 cancel.
-- `told` is the result, or the reason. An attempt was made if `rans` is not NULL. `ends` are kinds of
-- an end: 1 failed, 2 cancelled, 3 expired, 4 given up, 5 quarantined.
-- Rows are locked in the order of the ids, as in all functions.
CREATE FUNCTION marionette.settle_1(
    ids uuid[], holders uuid[], tokens int8[], nexts int2[], told bytea[], ends int2[],
    dues int8[], afters int8[], rans int8[], outcomes int2[], errors bytea[]
) RETURNS bool[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
    answers bool[] := array_fill(false, ARRAY[cardinality(ids)]);
    quick int8[]; done uuid[];
    one record; held marionette.running;
BEGIN
    -- Unless all succeed, their rows are locked first, so that nobody holds one that this waits for
    -- and waits for one that this holds.
    IF EXISTS (SELECT FROM unnest(nexts, outcomes, errors) u(next, outcome, error)
               WHERE u.next <> 0 OR u.outcome <> 0 OR u.error IS NOT NULL) THEN
        PERFORM FROM (SELECT * FROM unnest(ids, holders) u(id, holder) ORDER BY u.id) u
        CROSS JOIN LATERAL (
            SELECT FROM marionette.running r
            WHERE r.instance = u.holder AND r.id = u.id FOR UPDATE) r;
    END IF;
    -- Most succeed: all of these in one statement.
    WITH gone AS (
        DELETE FROM marionette.running r
        USING (
            SELECT u.n, u.ran, u.result, q.at
            FROM unnest(ids, holders, tokens, nexts, told, rans, outcomes, errors) WITH ORDINALITY
                u(id, holder, token, next, result, ran, outcome, error, n)
            CROSS JOIN LATERAL (
                SELECT ctid AS at FROM marionette.running
                WHERE instance = u.holder AND id = u.id AND token = u.token OFFSET 0) q
            WHERE u.next = 0 AND (u.ran IS NULL OR u.outcome = 0 AND u.error IS NULL)
            ORDER BY u.id) s
        WHERE r.ctid = s.at
        RETURNING r.*, s.n, s.ran, s.result),
    kept AS (
        INSERT INTO marionette.ended
            (id, lane, state, ended, until, token, holder, settled, started, ran, result)
        SELECT id, lane, 4, now, now + keep, token, instance, true, started, ran, result FROM gone)
    SELECT array_agg(n), array_agg(id) INTO quick, done FROM gone;
    IF cardinality(quick) = cardinality(ids) THEN
        answers := array_fill(true, ARRAY[cardinality(ids)]);
    ELSE
        FOR i IN 1 .. coalesce(cardinality(quick), 0) LOOP
            answers[quick[i]] := true;
        END LOOP;
    END IF;
    IF done IS NOT NULL AND EXISTS (SELECT FROM marionette.wish) THEN
        DELETE FROM marionette.wish WHERE id = ANY (done);
    END IF;
    IF cardinality(quick) = cardinality(ids) THEN
        RETURN answers;
    END IF;
    FOR one IN
        SELECT * FROM unnest(ids, holders, tokens, nexts, told, ends, dues, afters, rans, outcomes,
            errors) WITH ORDINALITY
            u(id, holder, token, next, told, kind, due, after, ran, outcome, error, n)
        WHERE NOT answers[u.n] ORDER BY u.id, u.n
    LOOP
        DELETE FROM marionette.running r
        WHERE r.instance = one.holder AND r.id = one.id AND r.token = one.token
        RETURNING r.* INTO held;
        IF NOT FOUND THEN
            answers[one.n] := marionette.was_settled_1(one.id, one.holder, one.token);
            CONTINUE;
        END IF;
        answers[one.n] := true;
        IF one.ran IS NOT NULL THEN
            PERFORM marionette.record_1(held, now, one.ran, one.outcome, one.error);
        END IF;
        CASE one.next
            WHEN 0 THEN
                PERFORM marionette.end_1(held, now, true, 4::int2, NULL, one.told, NULL, NULL);
            WHEN 1 THEN
                PERFORM marionette.end_1(held, now, true, 4::int2, NULL, NULL, one.told, NULL);
            WHEN 2, 3 THEN
                PERFORM marionette.wait_1(held, now, true,
                    coalesce(one.due, now + coalesce(one.after, 0)));
            WHEN 4 THEN
                PERFORM marionette.wait_1(held, now, true, held.due);
            WHEN 5 THEN
                PERFORM marionette.end_1(held, now, true, 5::int2, one.kind, NULL, NULL, NULL);
            WHEN 6 THEN
                PERFORM marionette.end_1(held, now, true, 6::int2, one.kind, NULL, one.told, NULL);
        END CASE;
    END LOOP;
    RETURN answers;
END $$;

-- Whether this lease was settled, and its job not claimed since.
CREATE FUNCTION marionette.was_settled_1(job_id uuid, who uuid, its_token int8) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT e.settled FROM marionette.ended e
        WHERE e.id = job_id AND e.holder = who AND e.token = its_token), (
        SELECT w.settled FROM marionette.job j
        JOIN marionette.waiting w ON w.lane = j.lane AND w.due = j.due AND w.id = j.id
        WHERE j.id = job_id AND w.holder = who AND w.token = its_token), false);
END $$;
