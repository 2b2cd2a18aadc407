-- Jobs in one line each, and in full. A state is 1 waiting, 3 running, else as in `ended`; whether
-- what waits is due, the caller sees by `at`.
CREATE FUNCTION marionette.show_1(ids uuid[]) RETURNS TABLE (
    id uuid, queue text, kind text, priority int2, state int2, accepted int8, due int8, first_due int8,
    started int8, ended int8, failed int4, crashes int4, instance uuid, end_kind int2, reason bytea,
    options bytea, at int8
) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT j.id, l.queue, l.kind, l.priority,
        CASE WHEN e.id IS NOT NULL THEN e.state WHEN r.id IS NOT NULL THEN 3 ELSE 1 END::int2,
        j.accepted, j.due, j.first_due, coalesce(e.started, r.started, w.started), e.ended, j.failed,
        j.crashes, r.instance, e.kind,
        CASE WHEN e.state > 4 THEN coalesce(e.reason, j.reason) ELSE j.reason END, j.options,
        marionette.now_1()
    FROM unnest(ids) WITH ORDINALITY u(id, n)
    CROSS JOIN LATERAL (SELECT * FROM marionette.job t WHERE t.id = u.id OFFSET 0) j
    CROSS JOIN LATERAL (SELECT * FROM marionette.lane t WHERE t.id = j.lane & ~1::int8 OFFSET 0) l
    LEFT JOIN LATERAL (SELECT * FROM marionette.ended t WHERE t.id = u.id OFFSET 0) e ON true
    LEFT JOIN LATERAL (
        SELECT * FROM marionette.waiting t
        WHERE t.lane = j.lane AND t.due = j.due AND t.id = j.id OFFSET 0) w ON true
    LEFT JOIN (SELECT t.* FROM marionette.running t WHERE t.id = ANY (ids)) r ON r.id = u.id
    ORDER BY u.n
$$;

-- The history of a job: with the attempt that succeeded, of which its end tells.
CREATE FUNCTION marionette.attempts_1(job_id uuid) RETURNS TABLE (
    number int4, started int8, ended int8, ran int8, outcome int2, error bytea, instance uuid
) LANGUAGE sql STABLE AS $$
    (SELECT number, started, ended, ran, outcome, error, instance FROM marionette.attempt
     WHERE id = job_id ORDER BY n)
    UNION ALL
    SELECT j.failed + 1, e.started, e.ended, e.ran, 0::int2, NULL, e.holder
    FROM marionette.ended e JOIN marionette.job j ON j.id = e.id
    WHERE e.id = job_id AND e.ran IS NOT NULL
$$;

-- How jobs have ended, by their index from 1: those that ended, and those that are not known, whose
-- state is NULL.
CREATE FUNCTION marionette.ended_1(ids uuid[]) RETURNS TABLE (
    n int8, state int2, end_kind int2, result bytea, reason bytea, options bytea
) LANGUAGE sql STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT u.n, e.state, e.kind, e.result, e.reason, CASE WHEN e.state > 4 THEN j.options END
    FROM unnest(ids) WITH ORDINALITY u(id, n)
    LEFT JOIN LATERAL (SELECT * FROM marionette.ended t WHERE t.id = u.id OFFSET 0) e ON true
    LEFT JOIN LATERAL (SELECT t.id, t.options FROM marionette.job t WHERE t.id = u.id OFFSET 0) j
        ON true
    WHERE e.id IS NOT NULL OR j.id IS NULL
    ORDER BY u.n
$$;

-- How many jobs of each queue and kind are in each state, as numbers of `JobState::ALL`: 0 ready,
-- 1 scheduled, 2 retrying, 3 running, then as in `ended`.
CREATE FUNCTION marionette.counts_1() RETURNS TABLE (queue text, kind text, state int2, jobs int8)
LANGUAGE sql STABLE AS $$
    SELECT l.queue, l.kind, c.state, sum(c.jobs)::int8 FROM (
        SELECT w.lane, 0::int2 AS state, count(*) AS jobs FROM marionette.waiting w
        WHERE w.due <= marionette.now_1() GROUP BY w.lane
        UNION ALL
        SELECT w.lane, CASE WHEN j.failed > 0 THEN 2 ELSE 1 END::int2, count(*)
        FROM marionette.waiting w LEFT JOIN marionette.job j ON j.id = w.id AND w.token IS NOT NULL
        WHERE w.due > marionette.now_1() GROUP BY 1, 2
        UNION ALL
        SELECT lane, 3::int2, count(*) FROM marionette.running GROUP BY lane
        UNION ALL
        SELECT lane, state, count(*) FROM marionette.ended GROUP BY lane, state) c
    JOIN marionette.lane l ON l.id = c.lane & ~1::int8
    GROUP BY l.queue, l.kind, c.state
    ORDER BY l.queue, l.kind, c.state
$$;

-- Ids of jobs that match, newest first, behind one; at most so many. NULL stands for any.
-- `in_states` are numbers as in `counts_1`.
CREATE FUNCTION marionette.list_1(
    behind uuid, most int4, in_states int2[], of_kinds text[], in_queues text[], accepted_from int8,
    accepted_before int8
) RETURNS TABLE (id uuid, state int2) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT j.id, s.state FROM marionette.job j
    JOIN LATERAL (
        SELECT queue, kind FROM marionette.lane t WHERE t.id = j.lane & ~1::int8 OFFSET 0) l ON true
    LEFT JOIN LATERAL (SELECT t.state FROM marionette.ended t WHERE t.id = j.id OFFSET 0) e ON true
    LEFT JOIN LATERAL (
        SELECT t.id FROM marionette.waiting t
        WHERE t.lane = j.lane AND t.due = j.due AND t.id = j.id OFFSET 0) w ON e.state IS NULL
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.state IS NOT NULL THEN e.state WHEN w.id IS NULL THEN 3
            WHEN j.due <= marionette.now_1() THEN 0 WHEN j.failed > 0 THEN 2 ELSE 1 END::int2) s(state)
    WHERE (behind IS NULL OR j.id < behind)
        AND (of_kinds IS NULL OR l.kind = ANY (of_kinds))
        AND (in_queues IS NULL OR l.queue = ANY (in_queues))
        AND (accepted_from IS NULL OR j.accepted >= accepted_from)
        AND (accepted_before IS NULL OR j.accepted < accepted_before)
        AND (in_states IS NULL OR s.state = ANY (in_states))
    ORDER BY j.id DESC LIMIT most
$$;

-- Jobs of kinds other than these that have been due since before a time, by queue and kind, counted
-- up to a number: in the queues, unless NULL, and in none that is paused.
CREATE FUNCTION marionette.unclaimed_1(
    wanted_kinds text[], wanted_queues text[], due_before int8, most int8
) RETURNS TABLE (queue text, kind text, jobs int8) LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT l.queue, l.kind, sum(c.jobs)::int8 FROM marionette.lane l
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT FROM marionette.waiting w
            WHERE w.lane IN (l.id, l.id | 1) AND w.due < due_before LIMIT most) found) c
    WHERE NOT l.kind = ANY (wanted_kinds)
        AND (wanted_queues IS NULL OR l.queue = ANY (wanted_queues))
        AND NOT EXISTS (SELECT FROM marionette.paused p WHERE p.queue = l.queue)
    GROUP BY l.queue, l.kind HAVING sum(c.jobs) > 0
    ORDER BY l.queue, l.kind
$$;

-- The instances that gave a sign of life within a length of time, with how many jobs each has.
CREATE FUNCTION marionette.instances_1(lease int8) RETURNS TABLE (
    id uuid, about bytea, since int8, seen int8, running int8
) LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT i.id, i.about, i.since, i.seen,
        (SELECT count(*) FROM marionette.running r WHERE r.instance = i.id)
    FROM marionette.instance i WHERE i.seen > marionette.now_1() - lease
$$;

-- The changes that people made, the latest first; NULL stands for any.
CREATE FUNCTION marionette.activity_1(of_job uuid, of_queue text, before int8, most int4)
RETURNS TABLE (
    number int8, kind text, at int8, by_name bytea, by_via bytea, queue text, reason bytea, jobs int8,
    ids uuid[]
) LANGUAGE sql STABLE AS $$
    SELECT a.number, a.kind, a.at, a.by_name, a.by_via, a.queue, a.reason, a.jobs,
        ARRAY(SELECT c.id FROM marionette.changed c WHERE c.activity = a.number LIMIT 100)
    FROM marionette.activity a
    WHERE (before IS NULL OR a.number < before) AND (of_queue IS NULL OR a.queue = of_queue)
        AND (of_job IS NULL OR EXISTS (
            SELECT FROM marionette.changed c WHERE c.id = of_job AND c.activity = a.number))
    ORDER BY a.number DESC LIMIT most
$$;
