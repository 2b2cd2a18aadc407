-- How many jobs wait in a lane: due, and not due by whether they failed.
-- arguments: 1 lane, 2 now
-- result: due, not due and failed, not due and never failed
-- index: marionette_job_waiting
SELECT count(*) FILTER (WHERE due <= ?2), count(*) FILTER (WHERE due > ?2 AND failed > 0),
    count(*) FILTER (WHERE due > ?2 AND failed = 0)
FROM marionette_job INDEXED BY marionette_job_waiting
WHERE state = 2 AND lane = ?1
