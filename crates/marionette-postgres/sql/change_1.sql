-- Notes a change that a person made, and forgets the activities beyond those that are kept: the
-- latest 10,000, and those of the latest 100,000 changed jobs. Returns its number.
CREATE FUNCTION marionette.note_1(
    its_kind text, its_name bytea, its_via bytea, its_queue text, its_reason bytea, its_call uuid
) RETURNS int8 LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    its_number int8; old int8;
BEGIN
    PERFORM pg_advisory_xact_lock(marionette.lane_of_1('', 'activity', 0::int2));
    SELECT coalesce(max(number), 0) + 1 INTO its_number FROM marionette.activity;
    INSERT INTO marionette.activity (number, kind, at, by_name, by_via, queue, reason, call)
    VALUES (its_number, its_kind, marionette.now_1(), its_name, its_via, its_queue, its_reason,
        its_call);
    SELECT greatest(its_number - 10000, (
        SELECT activity FROM marionette.changed ORDER BY activity DESC OFFSET 100000 LIMIT 1)) INTO old;
    PERFORM marionette.forget_activities_1(old);
    RETURN its_number;
END $$;

CREATE FUNCTION marionette.forget_activities_1(up_to int8) RETURNS void LANGUAGE sql AS $$
    DELETE FROM marionette.changed WHERE activity <= up_to;
    DELETE FROM marionette.activity WHERE number <= up_to
$$;

-- Makes a change to some jobs, at most a thousand or so: one step of a call, which is one activity,
-- unless it changed nothing. Returns how many were changed, also by this step before: its answer may
-- have been lost.
--
-- The changes: retried, cancelled for a reason, deleted, rescheduled to a time. A job in a state for
-- which a change makes no sense is left as it is. Rows are locked in the order of the ids.
CREATE FUNCTION marionette.change_1(
    ids uuid[], change text, its_reason bytea, its_due int8, by_name bytea, by_via bytea,
    its_call uuid
) RETURNS int4 LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    its_activity int8 := (SELECT number FROM marionette.activity WHERE call = its_call);
    one uuid;
    again int4 := 0;
    now_changed uuid[] := '{}';
BEGIN
    FOR one IN SELECT DISTINCT u FROM unnest(ids) u ORDER BY u LOOP
        IF EXISTS (SELECT FROM marionette.changed WHERE id = one AND activity = its_activity) THEN
            again := again + 1;
        ELSIF marionette.change_one_1(one, change, its_reason, its_due) THEN
            now_changed := now_changed || one;
        END IF;
    END LOOP;
    IF cardinality(now_changed) > 0 THEN
        IF its_activity IS NULL THEN
            its_activity := marionette.note_1(change, by_name, by_via, NULL,
                CASE WHEN change = 'cancelled' THEN its_reason END, its_call);
        END IF;
        INSERT INTO marionette.changed (id, activity)
        SELECT u, its_activity FROM unnest(now_changed) u
        WHERE (SELECT jobs FROM marionette.activity WHERE number = its_activity) < 100000;
        UPDATE marionette.activity SET jobs = jobs + cardinality(now_changed)
        WHERE number = its_activity;
    END IF;
    RETURN again + cardinality(now_changed);
END $$;

-- The change of one job: whether it was changed.
CREATE FUNCTION marionette.change_one_1(job_id uuid, change text, its_reason bytea, its_due int8)
RETURNS bool LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
    j marionette.job; w marionette.waiting; r marionette.running; e marionette.ended;
BEGIN
    -- A job may move between two looks, and then it is looked for again. Only whoever has its row in
    -- one of the three tables changes its row in `job`.
    FOR look IN 1 .. 20 LOOP
        SELECT t.* INTO j FROM marionette.job t WHERE t.id = job_id;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        SELECT t.* INTO w FROM marionette.waiting t
        WHERE t.lane = j.lane AND t.due = j.due AND t.id = job_id FOR UPDATE;
        IF FOUND THEN
            RETURN marionette.change_waiting_1(w, change, its_reason, its_due, now);
        END IF;
        SELECT t.* INTO e FROM marionette.ended t WHERE t.id = job_id FOR UPDATE;
        IF FOUND THEN
            IF change = 'deleted' THEN
                PERFORM marionette.forget_1(ARRAY[job_id]);
                RETURN true;
            END IF;
            RETURN change = 'retried' AND e.state > 4 AND marionette.begin_anew_1(e, j, now);
        END IF;
        -- The instance is not known here, but what runs are never many rows.
        SELECT t.* INTO r FROM marionette.running t WHERE t.id = job_id FOR UPDATE;
        IF FOUND THEN
            IF change <> 'cancelled' THEN
                RETURN false;
            END IF;
            INSERT INTO marionette.wish (id, reason) VALUES (job_id, its_reason)
            ON CONFLICT DO NOTHING;
            RETURN FOUND;
        END IF;
    END LOOP;
    RETURN false;
END $$;

CREATE FUNCTION marionette.change_waiting_1(
    w marionette.waiting, change text, its_reason bytea, its_due int8, now int8
) RETURNS bool LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF change = 'retried' AND w.due <= now THEN
        RETURN false;
    END IF;
    DELETE FROM marionette.waiting t WHERE t.lane = w.lane AND t.due = w.due AND t.id = w.id;
    CASE change
        WHEN 'deleted' THEN
            PERFORM marionette.forget_1(ARRAY[w.id]);
        WHEN 'cancelled' THEN
            INSERT INTO marionette.ended (id, lane, state, ended, kind, token, holder, settled,
                started, reason)
            VALUES (w.id, w.lane, 6, now, 2, coalesce(w.token, 0), w.holder,
                coalesce(w.settled, false), w.started, its_reason);
        ELSE
            w.due := CASE change WHEN 'retried' THEN now ELSE its_due END;
            INSERT INTO marionette.waiting SELECT w.*;
            UPDATE marionette.job SET due = w.due, first_due = w.due WHERE id = w.id;
    END CASE;
    RETURN true;
END $$;

-- Makes a job that ended without success wait as if it were new; only its history stays.
CREATE FUNCTION marionette.begin_anew_1(e marionette.ended, j marionette.job, now int8)
RETURNS bool LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    size int4 := octet_length(j.options) + octet_length(j.payload);
    place int8 := e.lane & ~1::int8;
BEGIN
    DELETE FROM marionette.ended WHERE id = e.id;
    INSERT INTO marionette.waiting (lane, due, id, keep, bytes, token, holder, settled, started)
    VALUES (place, now, e.id, j.keep, CASE WHEN size > 1024 THEN size END, nullif(e.token, 0),
        e.holder, e.settled, e.started);
    UPDATE marionette.job SET lane = place, due = now, first_due = now, failed = 0, crashes = 0,
        reason = NULL WHERE id = e.id;
    RETURN true;
END $$;

-- Pauses a queue, or resumes it. Returns whether that is new.
CREATE FUNCTION marionette.pause_1(its_queue text, name bytea, via bytea) RETURNS bool
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO marionette.paused (queue, since, by_name, by_via)
    VALUES (its_queue, marionette.now_1(), name, via) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM marionette.note_1('paused', name, via, its_queue, NULL, NULL);
        RETURN true;
    END IF;
    RETURN false;
END $$;

CREATE FUNCTION marionette.resume_1(its_queue text, name bytea, via bytea) RETURNS bool
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM marionette.paused WHERE queue = its_queue;
    IF FOUND THEN
        PERFORM marionette.note_1('resumed', name, via, its_queue, NULL, NULL);
        RETURN true;
    END IF;
    RETURN false;
END $$;
