-- The body moves along: no table of jobs; each of `waiting`, `running` and `ended` has the whole job,
-- and an index by id, since people ask by id.
CREATE TABLE waiting (
    lane int8, due int8, failed int4, id uuid, token int8 NOT NULL DEFAULT 0,
    accepted int8 NOT NULL, first_due int8 NOT NULL, keep int8,
    crashes int2 NOT NULL DEFAULT 0, options bytea NOT NULL, payload bytea NOT NULL,
    history bytea,
    PRIMARY KEY (lane, due, failed, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE UNIQUE INDEX ON waiting (id);
CREATE TABLE running (
    worker int8, id uuid, token int8 NOT NULL, lane int8 NOT NULL, due int8 NOT NULL, failed int4 NOT NULL,
    started int8 NOT NULL, cancel bytea, accepted int8 NOT NULL, first_due int8 NOT NULL, keep int8,
    crashes int2 NOT NULL DEFAULT 0, options bytea NOT NULL, payload bytea NOT NULL,
    history bytea,
    PRIMARY KEY (worker, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE TABLE ended (
    id uuid PRIMARY KEY, lane int8 NOT NULL, state int2 NOT NULL, ended int8 NOT NULL,
    token int8 NOT NULL, ran int8 NOT NULL, failed int4 NOT NULL, result bytea, reason bytea,
    accepted int8 NOT NULL, first_due int8 NOT NULL, keep int8,
    crashes int2 NOT NULL DEFAULT 0, options bytea NOT NULL, payload bytea NOT NULL,
    history bytea
);
CREATE INDEX ON ended USING brin (ended);
CREATE INDEX ON ended (state, id) WHERE state > 4;

CREATE FUNCTION put(ids uuid[]) RETURNS int LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE at int8 := bake.now_us(); got int;
BEGIN
    INSERT INTO waiting (lane, due, failed, id, accepted, first_due, options, payload)
    SELECT 1, at, 0, id, at, at, convert_to(repeat('o', 40), 'UTF8'), convert_to(repeat('p', 64), 'UTF8')
    FROM unnest(ids) id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS got = ROW_COUNT;
    RETURN got;
END $$;

CREATE FUNCTION take(w int8, most int, low int8)
RETURNS TABLE (id uuid, token int8, due int8, options bytea, payload bytea) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE at int8 := bake.now_us();
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        DELETE FROM waiting WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM waiting
            WHERE lane = 1 AND due <= at AND due >= low
            ORDER BY lane, due, failed, id LIMIT most FOR UPDATE SKIP LOCKED))
        RETURNING *),
    held AS (
        INSERT INTO running (worker, id, token, lane, due, failed, started, accepted, first_due,
            keep, crashes, options, payload, history)
        SELECT w, id, at, lane, due, failed, at, accepted, first_due, keep, crashes, options,
            payload, history FROM picked)
    SELECT p.id, at, p.due, p.options, p.payload FROM picked p;
END $$;

CREATE FUNCTION finish(w int8, ids uuid[], kept bool) RETURNS int LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE at int8 := bake.now_us(); got int;
BEGIN
    IF kept THEN
        WITH gone AS (
            DELETE FROM running r WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM unnest(ids) u(id) CROSS JOIN LATERAL (
                    SELECT ctid FROM running WHERE worker = w AND id = u.id OFFSET 0) r))
            RETURNING r.*)
        INSERT INTO ended (id, lane, state, ended, token, ran, failed, accepted, first_due, keep,
            crashes, options, payload, history)
        SELECT id, lane, 4, at, token, at - started, failed, accepted, first_due, keep, crashes,
            options, payload, history FROM gone;
    ELSE
        DELETE FROM running r WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM unnest(ids) u(id) CROSS JOIN LATERAL (
                    SELECT ctid FROM running WHERE worker = w AND id = u.id OFFSET 0) r));
    END IF;
    GET DIAGNOSTICS got = ROW_COUNT;
    RETURN got;
END $$;
