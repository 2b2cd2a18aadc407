-- Whether a job that is known has the same kind, queue and payload (1 known) or not (2 taken).
CREATE FUNCTION marionette.known_1(job_id uuid, its_queue text, its_kind text, its_payload bytea)
RETURNS int2 LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN l.queue = its_queue AND l.kind = its_kind AND j.payload = its_payload
                    THEN 1 ELSE 2 END
        FROM marionette.job j
        CROSS JOIN LATERAL (SELECT * FROM marionette.lane t WHERE t.id = j.lane & ~1::int8 OFFSET 0) l
        WHERE j.id = job_id);
END $$;

-- How many jobs wait in a queue, counted up to a number.
CREATE FUNCTION marionette.waiting_in_1(its_queue text, up_to int8) RETURNS int8
LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT count(*) FROM (
        SELECT FROM marionette.lane l CROSS JOIN LATERAL (
            SELECT FROM marionette.waiting WHERE lane IN (l.id, l.id | 1) LIMIT up_to) w
        WHERE l.queue = its_queue LIMIT up_to) found
$$;

-- Accepts jobs. Their places are indexes, from 1, into queues, kinds and priorities. A job is due
-- at a time, or if that is NULL so long after now. Limits are NULL, or one for each job or NULL.
-- Returns for each job 0 accepted, 1 known, 2 taken, 3 full.
-- Rows are written in the order of their ids, so two calls with the same ids never deadlock. In a
-- transaction of its caller that is old, time is that of the call.
CREATE FUNCTION marionette.insert_1(
    ids uuid[], places int4[], dues int8[], afters int8[], keeps int8[], options bytea[],
    payloads bytea[], limits int8[], queues text[], kinds text[], priorities int2[]
) RETURNS int2[] LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off AS $$
#variable_conflict use_column
DECLARE
    at int8 := marionette.clock_1();
    lanes int8[] := ARRAY(
        SELECT marionette.lane_of_1(u.queue, u.kind, u.priority)
        FROM unnest(queues, kinds, priorities) WITH ORDINALITY u(queue, kind, priority, n) ORDER BY n);
    fresh uuid[];
    answers int2[];
BEGIN
    IF (SELECT count(*) FROM marionette.lane WHERE id = ANY (lanes)) < cardinality(lanes) THEN
        INSERT INTO marionette.lane (id, queue, kind, priority)
        SELECT u.id, u.queue, u.kind, u.priority
        FROM unnest(lanes, queues, kinds, priorities) u(id, queue, kind, priority) ORDER BY u.id
        ON CONFLICT DO NOTHING;
    END IF;
    IF limits IS NOT NULL THEN
        RETURN marionette.insert_limited_1(ids, places, dues, afters, keeps, options, payloads,
            limits, queues, kinds, priorities);
    END IF;
    WITH new AS (
        INSERT INTO marionette.job (id, lane, due, accepted, first_due, keep, options, payload)
        SELECT u.id, lanes[u.place], u.due, at, u.due, u.keep, u.options, u.payload
        FROM (SELECT a.id, a.place, coalesce(a.due, at + coalesce(a.after, 0)) AS due, a.keep,
                  a.options, a.payload
              FROM unnest(ids, places, dues, afters, keeps, options, payloads) WITH ORDINALITY
                  a(id, place, due, after, keep, options, payload, n)
              ORDER BY a.id, a.n) u
        ON CONFLICT (id) DO NOTHING
        RETURNING id, lane, due, keep, octet_length(options) + octet_length(payload) AS bytes),
    placed AS (
        INSERT INTO marionette.waiting (lane, due, id, keep, bytes)
        SELECT lane, due, id, keep, CASE WHEN bytes > 1024 THEN bytes END FROM new)
    SELECT array_agg(id) INTO fresh FROM new;
    answers := array_fill(0::int2, ARRAY[cardinality(ids)]);
    IF cardinality(fresh) = cardinality(ids) THEN
        RETURN answers;
    END IF;
    SELECT array_agg(CASE WHEN f.id IS NOT NULL AND a.nth = 1 THEN 0::int2
        ELSE marionette.known_1(a.id, queues[a.place], kinds[a.place], a.payload) END ORDER BY a.n)
    INTO answers
    FROM (SELECT u.*, row_number() OVER (PARTITION BY u.id ORDER BY u.n) AS nth
          FROM unnest(ids, places, payloads) WITH ORDINALITY u(id, place, payload, n)) a
    LEFT JOIN unnest(fresh) f(id) ON f.id = a.id;
    RETURN answers;
END $$;

-- As `insert_1`, where some queues have limits: these are locked until the transaction ends, in the
-- order of their names. It is decided in the order of the call which jobs find their queue full; the
-- others are then written in the order of their ids.
CREATE FUNCTION marionette.insert_limited_1(
    ids uuid[], places int4[], dues int8[], afters int8[], keeps int8[], options bytea[],
    payloads bytea[], limits int8[], queues text[], kinds text[], priorities int2[]
) RETURNS int2[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    answers int2[] := array_fill(0::int2, ARRAY[cardinality(ids)]);
    limited text[] := ARRAY(
        SELECT DISTINCT queues[u.place] FROM unnest(places, limits) u(place, most)
        WHERE u.most IS NOT NULL ORDER BY 1);
    counts int8[] := '{}';
    known uuid[];
    room int4[] := '{}';
    which int4; name text;
BEGIN
    FOREACH name IN ARRAY limited LOOP
        PERFORM pg_advisory_xact_lock(marionette.lane_of_1(name, '', 0::int2));
        counts := counts || marionette.waiting_in_1(name,
            (SELECT max(most) FROM unnest(limits) l(most)));
    END LOOP;
    known := ARRAY(SELECT id FROM marionette.job WHERE id = ANY (ids));
    FOR i IN 1 .. cardinality(ids) LOOP
        IF NOT ids[i] = ANY (known) THEN
            which := array_position(limited, queues[places[i]]);
            IF limits[i] <= counts[which] THEN
                answers[i] := 3;
                CONTINUE;
            END IF;
            known := known || ids[i];
            IF which IS NOT NULL THEN
                counts[which] := counts[which] + 1;
            END IF;
        END IF;
        room := room || i;
    END LOOP;
    IF cardinality(room) > 0 THEN
        SELECT array_agg(coalesce(u.answer, o.answer) ORDER BY o.n) INTO answers
        FROM unnest(answers) WITH ORDINALITY o(answer, n)
        LEFT JOIN (
            SELECT unnest(room) AS n, unnest(marionette.insert_1(array_agg(ids[i] ORDER BY i),
                array_agg(places[i] ORDER BY i), array_agg(dues[i] ORDER BY i),
                array_agg(afters[i] ORDER BY i), array_agg(keeps[i] ORDER BY i),
                array_agg(options[i] ORDER BY i), array_agg(payloads[i] ORDER BY i), NULL, queues,
                kinds, priorities)) AS answer
            FROM unnest(room) r(i)) u ON u.n = o.n;
    END IF;
    RETURN answers;
END $$;
