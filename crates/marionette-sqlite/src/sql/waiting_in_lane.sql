-- How many jobs wait in a lane, counted up to a limit.
-- arguments: 1 lane, 2 limit
-- result: the count
-- index: marionette_job_waiting
SELECT count(*) FROM (
    SELECT 1 FROM marionette_job INDEXED BY marionette_job_waiting
    WHERE state = 2 AND lane = ?1 LIMIT ?2
)
