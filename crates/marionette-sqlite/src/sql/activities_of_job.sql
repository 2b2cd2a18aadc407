-- The latest activities that changed a job.
-- arguments: 1 job, 2 seq below which they are, 3 limit
-- result: seq, kind, at, by_name, by_via, queue, reason, jobs
-- index: the primary key of marionette_changed
SELECT seq, kind, at, by_name, by_via, queue, reason, jobs
FROM marionette_changed CROSS JOIN marionette_activity ON seq = activity
WHERE job = ?1 AND activity < ?2 ORDER BY activity DESC LIMIT ?3
