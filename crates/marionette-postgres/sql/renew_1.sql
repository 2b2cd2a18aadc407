-- Gives a sign of life of an instance, makes it known if it is new, and says of the leases it names
-- which are lost (`cancel` NULL) or to be cancelled, by their indexes from 1. The row with the index
-- 0 has the number of jobs that the instance has, by which it sees that some came never to it.
-- It need not be synced.
CREATE FUNCTION marionette.renew_1(who uuid, told bytea, ids uuid[], tokens int8[])
RETURNS TABLE (n int8, cancel bytea, has int8) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    now int8 := marionette.now_1();
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO marionette.instance AS i (id, beat, since, seen, about) VALUES (who, 1, now, now, told)
    ON CONFLICT (id) DO UPDATE SET beat = i.beat + 1, seen = now, about = told;
    RETURN QUERY
    SELECT u.n, w.reason, NULL::int8 FROM unnest(ids, tokens) WITH ORDINALITY u(id, token, n)
    LEFT JOIN LATERAL (
        SELECT r.id FROM marionette.running r
        WHERE r.instance = who AND r.id = u.id AND r.token = u.token OFFSET 0) r ON true
    LEFT JOIN LATERAL (SELECT reason FROM marionette.wish WHERE id = r.id OFFSET 0) w ON true
    WHERE r.id IS NULL OR w.reason IS NOT NULL;
    RETURN QUERY SELECT 0::int8, NULL::bytea, count(*) FROM marionette.running WHERE instance = who;
END $$;

-- What an instance has: for one that has more than it names.
CREATE FUNCTION marionette.held_1(who uuid) RETURNS TABLE (id uuid, token int8, age int8)
LANGUAGE sql STABLE AS $$
    SELECT id, token, marionette.now_1() - started FROM marionette.running WHERE instance = who
$$;
