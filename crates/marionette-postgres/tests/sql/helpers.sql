-- What the tests share. Job n has the id `test.id(n)`; instances are 'a', 'b' and so on. A statement
-- is one moment, so a test that needs time to pass has several.
CREATE SCHEMA test;

CREATE TABLE test.claim (name text);

-- Begins a test, which is named after what it claims, on empty tables.
CREATE FUNCTION test.begin(claim text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE marionette.job, marionette.waiting, marionette.running, marionette.ended,
        marionette.attempt, marionette.wish, marionette.paused, marionette.activity,
        marionette.changed, marionette.instance;
    INSERT INTO test.claim VALUES (claim);
    PERFORM test.beat('a'), test.beat('b');
END $$;

CREATE FUNCTION test.is(actual anyelement, expected anyelement) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF actual IS DISTINCT FROM expected THEN
        RAISE EXCEPTION '%: % instead of %', (SELECT name FROM test.claim ORDER BY ctid DESC LIMIT 1),
            actual, expected;
    END IF;
END $$;

CREATE FUNCTION test.id(n int8) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('01990000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
$$;

CREATE FUNCTION test.number(id uuid) RETURNS int8 LANGUAGE sql IMMUTABLE AS $$
    SELECT right(id::text, 12)::int8
$$;

CREATE FUNCTION test.who(name text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(name)::uuid
$$;

CREATE FUNCTION test.beat(name text) RETURNS void LANGUAGE sql AS $$
    SELECT FROM marionette.renew_1(test.who(name), '{}', '{}', '{}')
$$;

-- Inserts jobs in one call: 0 accepted, 1 known, 2 taken, 3 full.
CREATE FUNCTION test.put(
    numbers int8[], after int8 DEFAULT 0, kind text DEFAULT 'k', queue text DEFAULT 'q',
    priority int DEFAULT 0, keep int8 DEFAULT NULL, most int8 DEFAULT NULL, payload text DEFAULT 'p'
) RETURNS text LANGUAGE sql AS $$
    SELECT array_to_string(marionette.insert_1(
        array_agg(test.id(n) ORDER BY o), array_agg(1), array_agg(NULL::int8), array_agg(after),
        array_agg(keep), array_agg('{}'::bytea), array_agg(payload::bytea),
        CASE WHEN most IS NOT NULL THEN array_agg(most) END,
        ARRAY[queue], ARRAY[kind], ARRAY[priority::int2]), ' ')
    FROM unnest(numbers) WITH ORDINALITY u(n, o)
$$;

-- Claims jobs, and tells which in their order.
CREATE FUNCTION test.take(
    name text DEFAULT 'a', most int DEFAULT 10, suspects int DEFAULT 1, kinds text[] DEFAULT '{k}',
    queues text[] DEFAULT NULL, low int8 DEFAULT NULL
) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(test.number(id)::text, ' ' ORDER BY priority DESC, due, id), '')
    FROM marionette.claim_1(test.who(name), kinds, queues, most, suspects,
        ARRAY[marionette.lane_of_1('q', 'k', 0::int2)], ARRAY[low])
$$;

CREATE FUNCTION test.token(n int8) RETURNS int8 LANGUAGE sql AS $$
    SELECT token FROM marionette.running WHERE id = test.id(n)
$$;

-- Settles a job: whether that is written.
CREATE FUNCTION test.settle(
    n int8, next int, told text DEFAULT NULL, outcome int DEFAULT NULL, error text DEFAULT NULL,
    name text DEFAULT 'a', token int8 DEFAULT NULL, after int8 DEFAULT 0, kind int DEFAULT NULL
) RETURNS bool LANGUAGE sql AS $$
    SELECT (marionette.settle_1(ARRAY[test.id(n)], ARRAY[test.who(name)],
        ARRAY[coalesce(token, test.token(n))], ARRAY[next::int2], ARRAY[told::bytea],
        ARRAY[kind::int2], ARRAY[NULL::int8], ARRAY[after],
        ARRAY[CASE WHEN outcome IS NOT NULL THEN 5000 END::int8], ARRAY[outcome::int2],
        ARRAY[error::bytea]))[1]
$$;

CREATE FUNCTION test.change(numbers int8[], change text, reason text DEFAULT 'enough',
    due int8 DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
    SELECT marionette.change_1(ARRAY(SELECT test.id(n) FROM unnest(numbers) n), change,
        reason::bytea, due, 'ada', 'test', gen_random_uuid())
$$;

-- A job in one line: state, failed and crashed attempts, reason, result.
CREATE FUNCTION test.told(n int8) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', CASE s.state WHEN 1 THEN CASE WHEN s.due <= s.at THEN 'ready' ELSE 'later' END
            WHEN 3 THEN 'running' WHEN 4 THEN 'done' WHEN 5 THEN 'dead' WHEN 6 THEN 'cancelled'
            ELSE 'quarantined' END,
        s.failed, s.crashes, encode(s.reason, 'escape'), encode(e.result, 'escape'))
    FROM marionette.show_1(ARRAY[test.id(n)]) s
    LEFT JOIN marionette.ended_1(ARRAY[test.id(n)]) e ON true
$$;

-- Every job is in exactly one place, and what is in a place is a job. Returns what is not so.
CREATE FUNCTION test.faults() RETURNS SETOF text LANGUAGE sql AS $$
    WITH places AS (
        SELECT id, 'waiting' AS place FROM marionette.waiting
        UNION ALL SELECT id, 'running' FROM marionette.running
        UNION ALL SELECT id, 'ended' FROM marionette.ended)
    SELECT 'in ' || count(*) || ' places: ' || id FROM places GROUP BY id HAVING count(*) > 1
    UNION ALL SELECT 'nowhere: ' || j.id FROM marionette.job j
        WHERE NOT EXISTS (SELECT FROM places p WHERE p.id = j.id)
    UNION ALL SELECT 'no job: ' || p.id FROM places p
        WHERE NOT EXISTS (SELECT FROM marionette.job j WHERE j.id = p.id)
    UNION ALL SELECT 'waits elsewhere: ' || w.id FROM marionette.waiting w
        JOIN marionette.job j USING (id) WHERE (j.lane, j.due) <> (w.lane, w.due)
    UNION ALL SELECT 'a wish for what does not run: ' || w.id FROM marionette.wish w
        WHERE NOT EXISTS (SELECT FROM marionette.running r WHERE r.id = w.id)
    UNION ALL SELECT 'attempts of no job: ' || a.id FROM marionette.attempt a
        WHERE NOT EXISTS (SELECT FROM marionette.job j WHERE j.id = a.id)
$$;
