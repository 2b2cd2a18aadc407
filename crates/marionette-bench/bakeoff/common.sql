-- What every layout shares: ids made beforehand, so that making them costs no insert anything.
CREATE SCHEMA bake;

-- A UUID whose first 48 bits are a time in ms, as version 7 has it.
CREATE FUNCTION bake.timed_uuid(ms int8) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(random()::text), 1, 19))::uuid
$$;

-- Row n of a size has the ids of the n-th call that inserts so many jobs, in order.
CREATE TABLE bake.pool (size int, n int, ids uuid[], PRIMARY KEY (size, n));
ALTER TABLE bake.pool ALTER ids SET STORAGE EXTERNAL;

CREATE FUNCTION bake.fill_pool(jobs int, size int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO bake.pool
    SELECT size, n, array_agg(id ORDER BY id)
    FROM (SELECT i / size AS n, bake.timed_uuid(1798000000000 + i / 50) AS id
          FROM generate_series(0, jobs - 1) i) ids
    GROUP BY n
$$;

CREATE FUNCTION bake.now_us() RETURNS int8 LANGUAGE sql STABLE AS $$
    SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::int8
$$;

-- Ids of now, for runs that have no end beforehand.
CREATE FUNCTION bake.ids(count int) RETURNS uuid[] LANGUAGE sql VOLATILE AS $$
    SELECT array_agg((substr(ms, 1, 8) || '-' || substr(ms, 9) || substr(gen_random_uuid()::text, 14))::uuid)
    FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::int8), 12, '0') AS ms) now,
        generate_series(1, count)
$$;
