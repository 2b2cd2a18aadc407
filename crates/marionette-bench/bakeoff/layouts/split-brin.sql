-- As `split`, and the end has no primary key, only a BRIN index on its time: who awaits one job cannot
-- find its end. A lower bound for what the primary key costs.
CREATE TABLE job (
    id uuid PRIMARY KEY, lane int8 NOT NULL, due int8 NOT NULL, accepted int8 NOT NULL,
    first_due int8 NOT NULL, keep int8, failed int4 NOT NULL DEFAULT 0,
    crashes int2 NOT NULL DEFAULT 0, token int8 NOT NULL DEFAULT 0,
    options bytea NOT NULL, payload bytea NOT NULL, history bytea
) WITH (fillfactor = 90);
CREATE TABLE waiting (
    lane int8, due int8, failed int4, id uuid, PRIMARY KEY (lane, due, failed, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE TABLE running (
    worker int8, id uuid, token int8 NOT NULL, lane int8 NOT NULL, due int8 NOT NULL,
    started int8 NOT NULL, cancel bytea, PRIMARY KEY (worker, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
CREATE TABLE ended (
    id uuid NOT NULL, lane int8 NOT NULL, state int2 NOT NULL, ended int8 NOT NULL,
    token int8 NOT NULL, ran int8 NOT NULL, result bytea, reason bytea
);
CREATE INDEX ON ended USING brin (ended);
CREATE INDEX ON ended (state, id) WHERE state > 4;

CREATE FUNCTION put(ids uuid[]) RETURNS int LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE at int8 := bake.now_us(); got int;
BEGIN
    WITH new AS (
        INSERT INTO job (id, lane, due, accepted, first_due, options, payload)
        SELECT id, 1, at, at, at, convert_to(repeat('o', 40), 'UTF8'), convert_to(repeat('p', 64), 'UTF8')
        FROM unnest(ids) id
        ON CONFLICT (id) DO NOTHING RETURNING id)
    INSERT INTO waiting SELECT 1, at, 0, id FROM new;
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
        RETURNING lane, due, id),
    held AS (
        INSERT INTO running (worker, id, token, lane, due, started)
        SELECT w, id, at, lane, due, at FROM picked)
    SELECT p.id, at, p.due, j.options, j.payload FROM picked p
    CROSS JOIN LATERAL (SELECT options, payload FROM job WHERE id = p.id OFFSET 0) j;
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
            RETURNING r.id, r.lane, r.token, r.started)
        INSERT INTO ended (id, lane, state, ended, token, ran)
        SELECT id, lane, 4, at, token, at - started FROM gone;
    ELSE
        WITH gone AS (
            DELETE FROM running r WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM unnest(ids) u(id) CROSS JOIN LATERAL (
                    SELECT ctid FROM running WHERE worker = w AND id = u.id OFFSET 0) r))
            RETURNING r.id)
        DELETE FROM job WHERE ctid = ANY (ARRAY(
            SELECT j.ctid FROM gone g CROSS JOIN LATERAL (
                SELECT ctid FROM job WHERE id = g.id OFFSET 0) j));
    END IF;
    GET DIAGNOSTICS got = ROW_COUNT;
    RETURN got;
END $$;
