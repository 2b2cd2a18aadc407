-- What the other functions share. A function's version is part of its name: a later version is
-- added beside it, so that workers of both run on one database.

-- The time at which the statement began: an index condition, and one time for one call.
CREATE FUNCTION marionette.now_1() RETURNS int8 LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::int8
$$;

-- The time of a call in a transaction of its caller, which may be old.
CREATE FUNCTION marionette.clock_1() RETURNS int8 LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8
$$;

-- The lane of a place, known without asking: the first 8 bytes of a hash, made even.
CREATE FUNCTION marionette.lane_of_1(queue text, kind text, priority int2) RETURNS int8
LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || encode(substr(sha256(
        convert_to(queue || '/' || kind || '/' || priority, 'SQL_ASCII')), 1, 8), 'hex'))::bit(64)::int8
        & ~1::int8
$$;

-- The token for a claim: the time, or, if that is not greater than the token before, that one and a
-- random number up to 2^32 more, since a claim may have been lost that had the next number.
CREATE FUNCTION marionette.token_1(stored int8, at int8) RETURNS int8 LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN coalesce(stored, 0) < at THEN at
                ELSE stored + 1 + floor(random() * 4294967296)::int8 END
$$;

-- Adds an attempt to the history of a job, of which the first 5 and the last 20 are kept, and counts
-- it if it failed. Outcomes 1 to 4 are failures.
CREATE FUNCTION marionette.record_1(
    held marionette.running, at int8, took int8, how int2, what bytea
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    counted int4; before int4;
BEGIN
    SELECT history + 1, failed INTO STRICT counted, before FROM marionette.job WHERE id = held.id;
    INSERT INTO marionette.attempt (id, n, number, started, ended, ran, outcome, error, instance)
    VALUES (held.id, counted, before + 1, held.started, at, took, how, what, held.instance);
    DELETE FROM marionette.attempt WHERE id = held.id AND n = counted - 20 AND n > 5;
    IF how BETWEEN 1 AND 4 THEN
        UPDATE marionette.job SET history = counted, failed = before + 1,
            reason = CASE WHEN how = 2 THEN convert_to('panicked: ', 'SQL_ASCII') || what ELSE what END
        WHERE id = held.id;
    ELSE
        UPDATE marionette.job SET history = counted WHERE id = held.id;
    END IF;
END $$;

-- Ends a job that ran.
CREATE FUNCTION marionette.end_1(
    held marionette.running, at int8, was_settled bool, how int2, end_kind int2, told bytea,
    why bytea, took int8
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM marionette.wish WHERE id = held.id;
    INSERT INTO marionette.ended
        (id, lane, state, ended, until, kind, token, holder, settled, started, ran, result, reason)
    VALUES (held.id, held.lane, how, at, CASE WHEN how = 4 THEN at + held.keep END, end_kind,
        held.token, held.instance, was_settled, held.started, took, told, why);
END $$;

-- Lets a job wait that ran, unless somebody wants it cancelled. Returns whether it waits. End kind 2
-- is a cancellation.
CREATE FUNCTION marionette.wait_1(held marionette.running, at int8, was_settled bool, again int8)
RETURNS bool LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    why bytea; place int8;
BEGIN
    SELECT reason INTO why FROM marionette.wish WHERE id = held.id;
    IF FOUND THEN
        PERFORM marionette.end_1(held, at, was_settled, 6::int2, 2::int2, NULL, why, NULL);
        RETURN false;
    END IF;
    SELECT CASE WHEN crashes > 0 THEN held.lane | 1 ELSE held.lane & ~1::int8 END INTO STRICT place
    FROM marionette.job WHERE id = held.id;
    INSERT INTO marionette.waiting (lane, due, id, keep, bytes, token, holder, settled, started)
    VALUES (place, again, held.id, held.keep, held.bytes, held.token, held.instance, was_settled,
        held.started);
    UPDATE marionette.job SET lane = place, due = again
    WHERE id = held.id AND (lane, due) IS DISTINCT FROM (place, again);
    RETURN true;
END $$;
