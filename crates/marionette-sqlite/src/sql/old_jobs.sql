-- What ended in a state before a time, the oldest first.
-- arguments: 1 state, 2 time, 3 limit
-- result: seq
-- index: marionette_job_ended
SELECT seq FROM marionette_job INDEXED BY marionette_job_ended
WHERE state > 3 AND until IS NULL AND state = ?1 AND ended < ?2
ORDER BY ended LIMIT ?3
