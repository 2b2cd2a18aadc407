-- When the next job of a lane is due.
-- arguments: 1 lane, 2 only after this time
-- result: due
-- index: marionette_job_waiting
SELECT due FROM marionette_job INDEXED BY marionette_job_waiting
WHERE state = 2 AND lane = ?1 AND due > ?2
ORDER BY due LIMIT 1
