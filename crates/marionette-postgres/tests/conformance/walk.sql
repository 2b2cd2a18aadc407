-- What is damaged: every job is in exactly one place, and what is in a place is a job.
WITH places AS (
    SELECT id FROM marionette.waiting
    UNION ALL SELECT id FROM marionette.running
    UNION ALL SELECT id FROM marionette.ended)
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
UNION ALL SELECT 'no lane: ' || j.id FROM marionette.job j
    WHERE NOT EXISTS (SELECT FROM marionette.lane l WHERE l.id = j.lane & ~1::int8)
