-- The jobs of a lane that are due, those that have been due for longest first.
-- arguments: 1 lane, 2 now, 3 limit
-- result: seq, due
-- index: marionette_job_waiting
SELECT seq, due FROM marionette_job INDEXED BY marionette_job_waiting
WHERE state = 2 AND lane = ?1 AND due <= ?2
ORDER BY due, failed LIMIT ?3
