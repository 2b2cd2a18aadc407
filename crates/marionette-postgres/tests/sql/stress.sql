-- Work and meddling for many clients at once: see run.py.
CREATE FUNCTION test.claim_if_known(name text, most int, OUT ids uuid[], OUT tokens int8[])
LANGUAGE plpgsql AS $$
BEGIN
    SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(token), '{}') INTO ids, tokens
    FROM marionette.claim_1(test.who(name), '{k,l}', NULL, most, 2, '{}', '{}');
EXCEPTION WHEN SQLSTATE 'MN001' THEN
    ids := '{}'; tokens := '{}';
END $$;

CREATE TABLE test.applied (id uuid, token int8);

-- Settles leases in any order with any verdicts, few of them twice. Notes each that was applied.
CREATE FUNCTION test.settle_all(name text, ids uuid[], tokens int8[]) RETURNS void LANGUAGE sql AS $$
    WITH asked AS MATERIALIZED (
        SELECT id, token, CASE WHEN random() < 0.5 THEN 0 ELSE floor(random() * 7) END::int2 AS next,
            CASE WHEN random() < 0.6 THEN 0 ELSE 1 END::int2 AS outcome
        FROM unnest(ids, tokens) u(id, token) ORDER BY random()),
    listed AS MATERIALIZED (
        SELECT array_agg(id) AS ids, array_agg(token) AS tokens, array_agg(next) AS nexts,
            array_agg(outcome) AS outcomes, count(*)::int AS n FROM asked HAVING count(*) > 0),
    answered AS MATERIALIZED (
        SELECT l.*, marionette.settle_1(ids, array_fill(test.who(name), ARRAY[n]), tokens, nexts,
            array_fill('t'::bytea, ARRAY[n]), array_fill(1::int2, ARRAY[n]),
            array_fill(NULL::int8, ARRAY[n]), array_fill(0::int8, ARRAY[n]),
            array_fill(7::int8, ARRAY[n]), outcomes, array_fill(NULL::bytea, ARRAY[n])) AS answers
        FROM listed l)
    INSERT INTO test.applied SELECT u.id, u.token FROM answered a,
        unnest(a.ids, a.tokens, a.answers) u(id, token, is_applied) WHERE u.is_applied
$$;

CREATE FUNCTION test.meddle() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    few uuid[] := ARRAY(SELECT test.id(floor(random() * 500)::int8) FROM generate_series(1, 30));
    known marionette.instance;
BEGIN
    CASE floor(random() * 9)::int
        WHEN 0 THEN PERFORM marionette.change_1(few, 'cancelled', 'x', NULL, 'ada', 'test',
            gen_random_uuid());
        WHEN 1 THEN PERFORM marionette.change_1(few, 'retried', NULL, NULL, 'ada', 'test',
            gen_random_uuid());
        WHEN 2 THEN PERFORM marionette.change_1(few[1:3], 'deleted', NULL, NULL, 'ada', 'test',
            gen_random_uuid());
        WHEN 3 THEN PERFORM marionette.change_1(few, 'rescheduled', NULL, marionette.now_1(), 'ada',
            'test', gen_random_uuid());
        WHEN 4 THEN PERFORM marionette.prune_1(marionette.now_1(), NULL, NULL, 0, 20);
        WHEN 5 THEN
            SELECT * INTO known FROM marionette.instance ORDER BY random() LIMIT 1;
            PERFORM marionette.bury_1(known.id, known.beat, 10);
        WHEN 6 THEN
            PERFORM marionette.free_1(i.id, array_agg(h.id), array_agg(h.token))
            FROM marionette.instance i CROSS JOIN LATERAL (
                SELECT * FROM marionette.held_1(i.id) ORDER BY random() LIMIT 3) h
            GROUP BY i.id LIMIT 1;
        ELSE
            PERFORM marionette.insert_1(few, array_fill(floor(1 + random() * 2)::int, '{30}'),
                array_fill(NULL::int8, '{30}'), array_fill(0::int8, '{30}'),
                array_fill(CASE WHEN random() < 0.3 THEN 0::int8 END, '{30}'),
                array_fill(''::bytea, '{30}'), array_fill('p'::bytea, '{30}'),
                CASE WHEN random() < 0.3 THEN array_fill(400::int8, '{30}') END, '{q,x}', '{k,l}',
                '{0,1}');
    END CASE;
END $$;

-- A lease under which two settlements were applied that were not repetitions: each claim of a job
-- has its own token, and each token is settled once.
CREATE FUNCTION test.doubles() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'applied ' || count(*) || ' times: ' || id || ' ' || token FROM test.applied
    GROUP BY id, token HAVING count(*) > 1
$$;
