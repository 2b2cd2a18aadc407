-- One table: a state column, partial indexes, and an UPDATE for each step.
CREATE TABLE job (
    id uuid PRIMARY KEY, lane int8 NOT NULL, due int8 NOT NULL, failed int4 NOT NULL DEFAULT 0,
    state int2 NOT NULL DEFAULT 0, accepted int8 NOT NULL, first_due int8 NOT NULL, keep int8,
    crashes int2 NOT NULL DEFAULT 0, token int8 NOT NULL DEFAULT 0, worker int8, started int8,
    ended int8, ran int8, options bytea NOT NULL, payload bytea NOT NULL,
    history bytea, cancel bytea, result bytea, reason bytea
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE INDEX job_waits ON job (lane, due, failed, id) WHERE state = 0;
CREATE INDEX job_runs ON job (worker, id) WHERE state = 1;
CREATE INDEX ON job USING brin (ended);
CREATE INDEX ON job (state, id) WHERE state > 4;

CREATE FUNCTION put(ids uuid[]) RETURNS int LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE at int8 := bake.now_us(); got int;
BEGIN
    INSERT INTO job (id, lane, due, accepted, first_due, options, payload)
    SELECT id, 1, at, at, at, convert_to(repeat('o', 40), 'UTF8'), convert_to(repeat('p', 64), 'UTF8')
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
    UPDATE job SET state = 1, worker = w, token = at, started = at WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM job
        WHERE state = 0 AND lane = 1 AND due <= at AND due >= low
        ORDER BY lane, due, failed, id LIMIT most FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING id, at, due, options, payload;
END $$;

CREATE FUNCTION finish(w int8, ids uuid[], kept bool) RETURNS int LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE at int8 := bake.now_us(); got int;
BEGIN
    IF kept THEN
        UPDATE job j SET state = 4, ended = at, ran = at - started, worker = NULL
        WHERE ctid = ANY (ARRAY(
            SELECT r.ctid FROM unnest(ids) u(id) CROSS JOIN LATERAL (
                SELECT ctid FROM job WHERE state = 1 AND worker = w AND id = u.id OFFSET 0) r));
    ELSE
        DELETE FROM job WHERE ctid = ANY (ARRAY(
            SELECT r.ctid FROM unnest(ids) u(id) CROSS JOIN LATERAL (
                SELECT ctid FROM job WHERE state = 1 AND worker = w AND id = u.id OFFSET 0) r));
    END IF;
    GET DIAGNOSTICS got = ROW_COUNT;
    RETURN got;
END $$;
