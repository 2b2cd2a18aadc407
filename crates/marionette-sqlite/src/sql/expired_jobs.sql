-- What said how long it is kept, and has been kept so long.
-- arguments: 1 now, 2 limit
-- result: seq
-- index: marionette_job_until
SELECT seq FROM marionette_job INDEXED BY marionette_job_until
WHERE until IS NOT NULL AND until <= ?1
ORDER BY until LIMIT ?2
